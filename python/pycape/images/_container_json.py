"""JSON in container images: of strangers, asked for by name and type."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pycape.images._tar import refused

if TYPE_CHECKING:
    from pycape.images._contents import Part

_MOST = 4 << 20


def read_json(content: Part, where: str) -> Any:
    """Return what a file has; ArchiveRefused where that is no JSON, or too much."""
    if content.size > _MOST:
        raise refused(where, f"JSON in it has more than {_MOST:,} bytes")
    try:
        value = json.loads(content.read(_MOST))
        # A half of a pair of surrogates, which JSON can write, is no text.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise refused(where, f"JSON in it is malformed: {error}") from error
    return value


class Fields:
    """A JSON object. What is missing, or of another type, is an ArchiveRefused that names it."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise refused(where, "something else is in the place of a JSON object in it")
        self._values: dict[str, Any] = value
        self._where = where

    def text(self, key: str) -> str:
        """Return a text."""
        value: str = self._typed(key, str, "text")
        return value

    def number(self, key: str) -> int:
        """Return a whole number."""
        value: int = self._typed(key, int, "number")
        return value

    def table(self, key: str) -> Fields:
        """Return an object; an empty one where there is none, or null."""
        value = self._values.get(key)
        return Fields({} if value is None else value, self._where)

    def tables(self, key: str) -> list[Fields]:
        """Return a list of objects."""
        return [Fields(each, self._where) for each in self._typed(key, list, "list")]

    def texts(self, key: str) -> list[str]:
        """Return a list of texts; an empty one where there is none, or null."""
        values = self._values.get(key)
        values = [] if values is None else values
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise refused(self._where, f"{key} is no list of texts in it")
        return values

    def text_or_none(self, key: str) -> str | None:
        """Return a text; None where there is none, or an empty one."""
        return self.text(key) if self._values.get(key) not in (None, "") else None

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def _typed(self, key: str, kind: type[Any], name: str) -> Any:
        value = self._values.get(key)
        if not isinstance(value, kind):
            raise refused(self._where, f"{key} is no {name} in it")
        return value
