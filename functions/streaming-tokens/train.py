"""Write model.json, beside this file: what follows what in a text.

    python train.py [TEXT]

Without a file it is the reference manual of the Python that runs this, which every Python has for
`help()` (pydoc_data; the licence is Python's own). The model of it is made here and published
nowhere.
"""

import json
import re
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics

FOLDER = Path(__file__).parent

# A word, or a mark between words.
WORD = r"\w+(?:['\u2019-]\w+)*|[.,;:!?()]"


def train(text: str) -> dict[str, dict[str, int]]:
    """Count what follows two words, one word, and nothing."""
    words = re.findall(WORD, text.lower())
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    counts[""] = Counter(words)
    for first, second in pairwise(words):
        counts[first][second] += 1
    for first, second, third in zip(words, words[1:], words[2:], strict=False):
        counts[f"{first} {second}"][third] += 1
    return {context: dict(sorted(next_.items())) for context, next_ in sorted(counts.items())}


def prose() -> str:
    """Return the manual's paragraphs, without what is indented or framed: code and grammars."""
    lines = (line for _, topic in sorted(topics.items()) for line in topic.splitlines())
    return "\n".join(line for line in lines if re.match(r"[A-Z(a-z]", line) and "::=" not in line)


if __name__ == "__main__":
    text = Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else prose()
    counts = train(text)
    model = json.dumps({"word": WORD, "counts": counts}, ensure_ascii=False)
    (FOLDER / "model.json").write_text(model, encoding="utf-8")
    print(f"{sum(counts[''].values()):,} words, {len(counts['']):,} different ones")
