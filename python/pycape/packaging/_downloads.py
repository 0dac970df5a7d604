"""How far uv's downloads are, by what it says of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pycape.packaging._progress import Progress

if TYPE_CHECKING:
    from pycape.packaging._progress import Report

# "Downloading numpy (16.1MiB)", then " Downloaded numpy": of whatever has 1 MiB or more.
_BEGINS = re.compile(r"\s*Downloading (\S+) \((\d+(?:\.\d+)?)([KMG]?i?B)\)\s*")
_ENDS = re.compile(r"\s*Downloaded (\S+)\s*")
_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


class Downloads:
    """Reports how many bytes of the large wheels are there, of all that uv has begun to fetch."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._sizes: dict[str, int] = {}
        self._done = 0

    def hear(self, line: str) -> None:
        """Take a line of uv's."""
        if begins := _BEGINS.fullmatch(line):
            name, amount, unit = begins.groups()
            self._sizes[name] = int(float(amount) * _UNITS.get(unit, 1))
        elif ends := _ENDS.fullmatch(line):
            self._done += self._sizes.get(ends[1], 0)
        else:
            return
        self._report(Progress("fetch", self._done, sum(self._sizes.values())))
