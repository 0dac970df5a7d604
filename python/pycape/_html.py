"""What notebooks show of results: tables that fit light and dark pages, and ask for nothing.

Whatever is not `Html` already is text, and is escaped: names and messages are those of strangers.
Colours are the page's own. Nothing here has a script, a link or an image.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from html import escape
from typing import TypeAlias

from ._clock import show_time
from ._strangers import one_line

_LONGEST = 1000

_BOX = "border:1px solid; border-radius:4px; padding:0.5em 1em; max-width:60em; margin:0.5em 0"
_NAME = "text-align:left; vertical-align:top; padding:0.1em 1.5em 0.1em 0; white-space:nowrap"
_VALUE = "text-align:left; vertical-align:top; padding:0.1em 0; overflow-wrap:anywhere"


class Html(str):
    """Text that is HTML, and made here."""

    __slots__ = ()


# What a table shows beside a name; None for a row that is left out.
Shown: TypeAlias = Html | str | int | datetime | None


def box(title: str, rows: Mapping[str, Shown], *more: Html, note: str | None = None) -> str:
    """Return a titled table, with a line of explanation and what can be unfolded below it."""
    said = "" if note is None else f"<div>{_text(note)}</div>"
    parts = f"<strong>{_text(title)}</strong>{said}{table(rows)}{''.join(more)}"
    return f'<div style="{_BOX}">{parts}</div>'


def table(rows: Mapping[str, Shown]) -> Html:
    """Return a row for each value that there is, its name beside it."""
    cells = "".join(
        f'<tr><th scope="row" style="{_NAME}">{_text(name)}</th>'
        f'<td style="{_VALUE}">{_shown(value)}</td></tr>'
        for name, value in rows.items()
        if value is not None
    )
    return Html(
        f'<table style="border-collapse:collapse; background:none"><tbody>{cells}</tbody></table>'
    )


def folded(title: str, rows: Mapping[str, Shown]) -> Html:
    """Return a table that is shown when its title is clicked."""
    return Html(f"<details><summary>{_text(title)}</summary>{table(rows)}</details>")


def code(text: str) -> Html:
    """Return an identifier, to be read letter by letter."""
    return Html(f"<code>{_text(text)}</code>")


def lines(values: Iterable[Shown]) -> Html:
    """Return values below each other."""
    return Html("<br>".join(_shown(value) for value in values))


def size(count: int) -> str:
    """Return a number of bytes for people."""
    return f"{count:,} byte{'' if count == 1 else 's'}"


def milliseconds(seconds: float) -> str:
    """Return seconds for people."""
    return f"{seconds * 1000:,.1f} ms"


def _shown(value: Shown) -> str:
    if isinstance(value, Html):
        return value
    if isinstance(value, datetime):
        return _text(show_time(value))
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return _text(f"{value:,}" if is_number else str(value))


def _text(text: str) -> str:
    """Escape a text, in one line and of bounded length."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return escape(one_line(cut))
