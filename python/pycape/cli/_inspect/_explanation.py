"""What is told of a file: facts, and plain words about them; as text, or as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycape.cli._text import LINE, wrapped

_INDENT = "    "


@dataclass(frozen=True)
class Explanation:
    """What one file is.

    `kind` is for programs, `title` for people. `checked` says what was verified; with None nothing
    was, and everything else is what the file claims.
    """

    kind: str
    title: str
    checked: str | None
    facts: Mapping[str, Any]
    words: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "kind": self.kind,
            "title": self.title,
            "verified": self.checked is not None,
            "checked": self.checked,
            "facts": dict(self.facts),
            "words": list(self.words),
        }

    def as_text(self) -> str:
        """Return it for a terminal of 80 columns."""
        checked = self.checked or "nothing of it was verified: this is what it says of itself"
        lines = [*wrapped(self.title), *wrapped(f"({checked})"), "", *_rows(self.facts)]
        for paragraph in self.words:
            lines += ["", *wrapped(paragraph)]
        return "\n".join(lines)


def _rows(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield rows: each fact's name before its value, or above one that would have to be cut."""
    known = {name.replace("_", " "): value for name, value in facts.items() if value is not None}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        texts, room = _texts(value), LINE - width - 2
        if any(len(word) > room for text in texts for word in text.split()):
            yield name
            yield from (
                f"{_INDENT}{line}" for text in texts for line in wrapped(text, LINE - len(_INDENT))
            )
            continue
        lines = [line for text in texts for line in wrapped(text, room)]
        for label, line in zip([name, *[""] * len(lines)], lines, strict=False):
            yield f"{label:{width}}  {line}"


def _texts(value: Any) -> list[str]:
    """Return a fact's value as text, one for each of several."""
    match value:
        case bool():
            return ["yes" if value else "no"]
        case int():
            return [f"{value:,}"]
        case dict():
            return [
                f"{name.replace('_', ' ')}: {', '.join(_texts(each))}"
                for name, each in value.items()
            ] or ["none"]
        case list():
            return [text for each in value for text in _texts(each)] or ["none"]
    return [str(value)]
