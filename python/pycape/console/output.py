"""A function's output as a page shows it: as text where it is some, else as bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass

MOST_SHOWN = 16 << 10  # bytes
_ROW = 16
_MOST_ROWS = 64
_PRINTABLE = range(0x20, 0x7F)  # of ASCII


@dataclass(frozen=True)
class ShownOutput:
    """What is seen of it, in what form, and whether that is all."""

    text: str
    form: str
    is_whole: bool


def shown_output(output: bytes) -> ShownOutput:
    """Return what a page shows."""
    begin = output[:MOST_SHOWN]
    is_whole = len(begin) == len(output)
    try:
        # A character that is cut at the end is none that is wrong.
        text = output.decode()[:MOST_SHOWN]
    except UnicodeDecodeError:
        rows = output[: _ROW * _MOST_ROWS]
        return ShownOutput(_dump(rows), "bytes", len(rows) == len(output))
    if is_whole and text.lstrip().startswith(("{", "[")):
        try:
            indented = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
            return ShownOutput(indented, "JSON", is_whole)
        except (ValueError, RecursionError):
            pass
    return ShownOutput(text, "text", is_whole)


def _dump(data: bytes) -> str:
    """Return rows of an offset, bytes in hexadecimal, and what they are in ASCII."""
    rows = []
    for start in range(0, len(data), _ROW):
        row = data[start : start + _ROW]
        seen = "".join(chr(byte) if byte in _PRINTABLE else "." for byte in row)
        rows.append(f"{start:06x}  {row.hex(' '):{3 * _ROW - 1}}  {seen}")
    return "\n".join(rows)
