"""Results as text, for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pycape._strangers import one_line

LINE = 79
_MEASUREMENT_LINE = 48
_LONGEST_NAME = 15


def fields(values: Mapping[str, Any]) -> str:
    """Return one line a field, its value beside its name; what is None is left out.

    A long name moves the values of others no further in: a digest has room beside them.
    """
    shown = {name: value for name, value in values.items() if value is not None}
    width = max((len(name) for name in shown if len(name) <= _LONGEST_NAME), default=0)
    return "\n".join(f"{name:{width}}  {one_line(str(value))}" for name, value in shown.items())


def table(rows: Sequence[Sequence[str]], longest: int) -> str:
    """Return columns as wide as they need be; of a longer cell than `longest` its beginning."""
    cells = [[_cut(one_line(cell), longest) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def measurements(pcrs: Mapping[int, bytes], indent: str = "") -> str:
    """Return registers in hexadecimal, two lines each; those that are all zero are left out."""
    rows = []
    for index, value in sorted(pcrs.items()):
        if any(value):
            first, *rest = textwrap.wrap(value.hex(), _MEASUREMENT_LINE)
            rows.append(f"{indent}{f'PCR{index}':5}  {first}")
            rows += [f"{indent}{'':5}  {line}" for line in rest]
    return "\n".join(rows)


def wrapped(text: str, width: int = LINE) -> list[str]:
    """Return a text in lines, without what would control a terminal."""
    pieces = [piece for word in one_line(text).split() for piece in _pieces(word, width)]
    return textwrap.wrap(" ".join(pieces), width, break_on_hyphens=False) or [""]


def hanging(text: str, indent: str = "") -> str:
    """Return a text in lines, of which all but the first are two further in."""
    first, *rest = wrapped(text, LINE - len(indent) - 2)
    return "\n".join([f"{indent}{first}", *(f"{indent}  {line}" for line in rest)])


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _pieces(word: str, width: int) -> list[str]:
    """Cut what has no room in a line into pieces of equal length, as digests are read."""
    count = -(-len(word) // width)
    length = -(-len(word) // count)
    return [word[start : start + length] for start in range(0, len(word), length)]
