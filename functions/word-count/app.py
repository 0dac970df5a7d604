"""Count the words of a text.

Input: UTF-8, at most 8 MiB. Output: JSON, {"words": 6, "distinct": 4, "commonest": [["be", 2],
...]}: the ten that come most often, of equal ones the first in the alphabet. Case does not count.
"""

import json
import re
from collections import Counter

LIMIT = 8 << 20
COMMONEST = 10

# Letters and digits, with apostrophes and hyphens inside: "don't" and "well-known" are one word.
WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")


def cape_handler(input_bytes: bytes) -> str:
    if len(input_bytes) > LIMIT:
        raise ValueError(f"the text has {len(input_bytes):,} bytes; {LIMIT:,} at most are counted")
    try:
        text = input_bytes.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"the text is not UTF-8, from byte {error.start:,} on") from None
    counts = Counter(WORD.findall(text.lower()))
    commonest = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:COMMONEST]
    return json.dumps(
        {"words": counts.total(), "distinct": len(counts), "commonest": commonest},
        ensure_ascii=False,
    )
