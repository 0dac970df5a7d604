"""What shells are told when somebody presses Tab."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click
from click.types import StringParamType

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from pycape.cli._context import Context

SHELLS = ("bash", "zsh", "fish")

# By this variable a shell asks; Click's scripts name it.
VARIABLE = "_CAPE_COMPLETE"


def answer(group: click.Group, instruction: str, context: Context) -> int:
    """Write what a shell asks for, and return the status."""
    from click.shell_completion import shell_complete  # noqa: PLC0415 - nothing else needs it

    try:
        return shell_complete(group, {"obj": context}, "cape", VARIABLE, instruction)
    except click.ClickException:
        # Nothing completes a line that is wrong already; why it is, is told when it is run.
        return 1


def script_for(shell: str) -> str:
    """Return what a shell has to run to complete `cape`."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - as above

    kind = get_completion_class(shell)
    assert kind is not None, shell  # noqa: S101 - Click knows these three
    return kind(click.Group("cape"), {}, "cape", VARIABLE).source()


def offer_files(parameters: Iterable[click.Parameter]) -> None:
    """Let parameters that are shown as FILE or FOLDER be completed by such names."""
    for parameter in parameters:
        shown = parameter.metavar or (parameter.name or "").upper()
        if parameter.type is click.STRING and (kind := _kind(shown)):
            parameter.type = _NameOfFile(kind)


def _kind(shown: str) -> str | None:
    words = set(re.findall(r"[A-Z]+", shown))
    if words & {"FOLDER", "DIR"}:
        return "dir"
    return "file" if words & {"FILE", "FUNCTION", "TOKEN"} else None


class _NameOfFile(StringParamType):
    """Text, for which a shell offers files or folders."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Leave it to the shell, which knows files better."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - as above

        del ctx, param
        return [CompletionItem(incomplete, type=self._kind)]
