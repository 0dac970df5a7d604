"""What nobody vouches for, made fit to be shown."""

from __future__ import annotations

from ._json import parse_object

_LONGEST = 300
_CONTROL = "\N{REPLACEMENT CHARACTER}"
_SECRETS_BEGIN = ("capesk1", "capeaccountsk1")


def harmless(text: str) -> str:
    """Return text of others without what would control a terminal; its lines and tabs stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else _CONTROL for c in text)


def one_line(text: str) -> str:
    """Return the same as one line, which cannot pass for several."""
    return "".join(c if c.isprintable() else _CONTROL for c in text)


def in_brief(text: str) -> str:
    """Return the beginning of text of others, in one line with spaces for what cannot be shown."""
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST])


def named(text: str) -> str:
    """Return what was given for a name, to be told in an error; a private key is not repeated."""
    return "a private key" if is_secret_key(text) else f"{text!r:.100}"


def is_secret_key(text: str) -> bool:
    """Whether a text begins as a private key does, or an account's; whoever reads it has it."""
    return text.startswith(_SECRETS_BEGIN)


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
    return in_brief(text) or "no reason given"
