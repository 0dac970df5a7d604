"""Progress of long work: a line that is rewritten on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

import click

if TYPE_CHECKING:
    from types import TracebackType

    from pycape.cli._command import Context

_WORDS = {
    "collect": "collecting files",
    "resolve": "resolving dependencies",
    "fetch": "fetching wheels",
    "check": "checking files",
    "write": "writing the bundle",
}
_MIB = 1 << 20


class Progress:
    """Tells what is being done; nothing with -q or --json."""

    def __init__(self, context: Context) -> None:
        self._silent = context.quiet or context.json
        self._terminal = sys.stderr.isatty()
        self._phase = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._terminal and self._phase and not self._silent:
            click.echo("\r\x1b[K", nl=False, err=True)

    def report(self, progress: Any) -> None:
        """Tell how far packaging is."""
        if self._silent:
            return
        words = _WORDS[progress.phase]
        if not self._terminal:
            if progress.phase != self._phase:
                click.echo(words, err=True)
        elif progress.phase == "write":
            done, total = progress.done / _MIB, progress.total / _MIB
            click.echo(f"\r\x1b[K{words}: {done:.0f} of {total:.0f} MiB", nl=False, err=True)
        else:
            click.echo(f"\r\x1b[K{words}", nl=False, err=True)
        self._phase = progress.phase
