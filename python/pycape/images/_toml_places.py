"""Where in a TOML file something is, which `tomllib` does not say."""

from __future__ import annotations

import re

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"""\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))\s*[=.]""")


def line_of(text: str, table: str, key: str, index: int = 0) -> int | None:
    r"""Return the line, from 1, of a key in a table (`""` for none), or of the table itself.

    `index` says which of an array of tables; None where it is written in another way.

    >>> line_of("a = 1\n[b]\nc = 2\n", "b", "c")
    3
    """
    here, counts = "", {"": 0}
    for number, line in enumerate(text.splitlines(), 1):
        if found := _TABLE.fullmatch(line):
            here = found[2]
            counts[here] = counts.get(here, -1) + 1
            if not table and here.partition(".")[0] == key:
                return number
        elif (
            here == table
            and counts[here] == index
            and (found := _KEY.match(line))
            and key in found.groups()
        ):
            return number
    return None
