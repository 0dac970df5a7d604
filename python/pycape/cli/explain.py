"""cape explain."""

from __future__ import annotations

import re
from typing import Any

import click

from pycape._nearest import nearest
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._explanations import ErrorClass, classes, explanations, summary
from pycape.cli._text import wrapped

_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")


@click.command("explain", cls=CapeCommand, example="cape explain CAPE-ATT-007")
@click.argument("code", metavar="CODE")
@pass_context
def command(context: Context, code: str) -> None:
    """Say what an error's code means, and what to do.

    A command that fails tells its code with -v and with --json; in Python it is the error's `code`.
    The name of the class does too.
    """
    kind = _named(code)
    said = explanations()[kind.code]
    told: dict[str, Any] = {
        "code": kind.code,
        "name": kind.__name__,
        "summary": summary(kind),
        "happened": _plain(said["happened"]),
        "todo": _plain(said["todo"]),
        "hint": getattr(kind, "_hint", None),
    }
    parts = [
        f"{told['code']} {told['name']}",
        told["summary"],
        told["happened"],
        f"What to do: {told['todo']}",
    ]
    text = "\n\n".join("\n".join(wrapped(part)) for part in parts)
    context.result(told, text, kind.code)


def _named(code: str) -> ErrorClass:
    known = {name: kind for kind in classes() for name in (kind.code, kind.__name__)}
    found = known.get(code) or known.get(code.upper())
    if found is None:
        meant = nearest(code, known) or nearest(code.upper(), known)
        raise UsageError(
            f"there is no error {code!r}",
            hint=f"did you mean {meant}?" if meant else "a code looks like CAPE-ATT-007",
        )
    return found


def _plain(markdown: str) -> str:
    """Return a text without its links, whose pages are not here, in one line."""
    return " ".join(_LINK.sub(r"\1", markdown).split())
