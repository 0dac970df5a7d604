"""Progress of long work: a bar on a terminal, plain lines elsewhere, nothing with -q or --json."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, Self

import click

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from pycape.cli._context import Context

_WORDS = {
    "collect": "collecting files",
    "resolve": "resolving dependencies",
    "fetch": "fetching wheels",
    "check": "checking files",
    "write": "writing the bundle",
    "upload": "sending it, sealed",
}
_IN_BYTES = {"fetch", "read", "unpack", "upload", "write"}

OF_IMAGES = {
    "lock": "resolving packages",
    "fetch": "fetching packages",
    "unpack": "unpacking",
    "write": "writing the image",
    "read": "reading the image",
    "reproduce": "building it again",
}


class Step(Protocol):
    """How far a phase is: `pycape.packaging` and `pycape.images` tell it so."""

    @property
    def phase(self) -> str:
        """What is done."""

    @property
    def done(self) -> int:
        """How much of it."""

    @property
    def total(self) -> int:
        """Of how much; 0 where nobody knows."""


class Progress:
    """Tells how far the packaging and sending of a function is, or what `words` has phases of."""

    def __init__(self, context: Context, words: Mapping[str, str] = _WORDS) -> None:
        self._words = words
        self._silent = context.quiet or context.for_programs
        self._phase = ""
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._running = ExitStack()

    def __enter__(self) -> Self:
        if not self._silent and draws():
            from pycape.cli._bar import bar  # noqa: PLC0415 - heavy, and for long work only

            self._bar = self._running.enter_context(bar())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    def report(self, progress: Step) -> None:
        """Tell how far it is."""
        if self._silent:
            return
        words = self._words.get(progress.phase, progress.phase)
        if self._bar is not None:
            self._draw(self._bar, words, progress)
        elif progress.phase != self._phase:
            click.echo(words, err=True)
        self._phase = progress.phase

    def _draw(self, bar: Bar, words: str, progress: Step) -> None:
        if progress.phase != self._phase:
            if self._task is not None:
                bar.remove_task(self._task)
            self._task = bar.add_task(words, total=None)
        if self._task is not None and progress.phase in _IN_BYTES:
            bar.update(self._task, completed=progress.done, total=progress.total or None)


def draws() -> bool:
    """Whether stderr is a terminal that a bar can move on."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in {None, "", "dumb"}
