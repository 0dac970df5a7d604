"""Continue a text, word by word, each sent as soon as it is chosen.

Input: JSON, {"prompt": "an expression", "tokens": 40, "temperature": 0.8, "seed": 1}; all but the
prompt may be left out. Output: a stream of words.

The model is of trigrams: how often a word follows two others, in a text (train.py). Where two are
not known, the last one counts, then none.
"""

import json
import math
import random
import re
from collections.abc import Iterator
from pathlib import Path

LONGEST_PROMPT = 10_000
MOST_TOKENS = 1_000
CLOSING = frozenset(".,;:!?)")

model = json.loads(Path("model.json").read_text(encoding="utf-8"))
counts_after: dict[str, dict[str, int]] = model["counts"]


def cape_handler(input_bytes: bytes) -> Iterator[str]:
    prompt, tokens, temperature, seed = parse(input_bytes)
    draw = random.Random(seed)  # noqa: S311 - it chooses words, and keeps no secret
    words = re.findall(model["word"], prompt.lower())
    space = "" if not words or words[-1] == "(" else " "
    for _ in range(tokens):
        word = following(words, temperature, draw)
        yield word if word in CLOSING else space + word
        space = "" if word == "(" else " "
        words.append(word)


def following(words: list[str], temperature: float, draw: random.Random) -> str:
    contexts = (" ".join(words[-2:]), *words[-1:], "")
    counts = next(counts_after[context] for context in contexts if context in counts_after)
    weights = [count ** (1 / temperature) for count in counts.values()]
    return draw.choices([*counts], weights)[0]


def parse(data: bytes) -> tuple[str, int, float, int | None]:
    try:
        fields = json.loads(data)
        prompt, tokens = fields["prompt"], fields.get("tokens", 40)
        temperature, seed = float(fields.get("temperature", 0.8)), fields.get("seed")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError('the input is JSON like {"prompt": "...", "tokens": 40}') from None
    if not isinstance(prompt, str) or len(prompt) > LONGEST_PROMPT:
        raise ValueError(f"the prompt is a text of at most {LONGEST_PROMPT:,} characters")
    if type(tokens) is not int or not 1 <= tokens <= MOST_TOKENS:
        raise ValueError(f"tokens is a number from 1 to {MOST_TOKENS:,}")
    if not math.isfinite(temperature) or not 0.1 <= temperature <= 10:
        raise ValueError("temperature is a number from 0.1 to 10")
    if not isinstance(seed, int | None):
        raise ValueError("seed is a whole number")
    return prompt, tokens, temperature, seed
