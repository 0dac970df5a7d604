"""What nobody vouches for, made fit to be shown."""

from __future__ import annotations

from ._json import parse_object

_LONGEST = 300


def harmless(text: str) -> str:
    """Return text of a stranger's: one line without control characters, and not too long."""
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST])


def explanation(body: bytes) -> str:
    """Return why somebody refused: the message in a JSON body, else the body as it is.

    Spec: docs/spec/session.md, the upgrade.
    """
    text = body[: 8 * _LONGEST].decode("utf-8", "replace")
    try:
        parsed = parse_object(text)
        text = f"{parsed['message']} ({parsed['code']})"
    except (ValueError, KeyError):
        pass
    return harmless(text) or "no reason given"
