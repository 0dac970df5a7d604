"""What uv names as the cause of an error, as a part of what we say."""

from __future__ import annotations

import re

_CAUSE = re.compile(r"^  cause: (.*)$", re.MULTILINE)


def last_cause(error: str) -> str:
    """Return the innermost cause that uv names; where it names none, its first line."""
    causes = _CAUSE.findall(error)
    return causes[-1] if causes else error.partition("\n")[0]


def lowered(words: str) -> str:
    """Return a sentence of uv's as the end of one of ours."""
    return words[:1].lower() + words[1:].rstrip(".")
