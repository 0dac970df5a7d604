"""How far a large file is: a bar on a terminal, a line elsewhere, nothing for small ones."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

import click

from pycape._strangers import one_line
from pycape.cli._progress import draws

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

    from pycape.cli._context import Context

# What is smaller is done before anybody could read how far it is.
_LARGE = 64 << 20


class FileProgress:
    """Tells how much of an input was read, once it is known to be large."""

    def __init__(self, context: Context, words: str, size: int | None) -> None:
        self._silent = context.quiet or context.for_programs
        self._words = one_line(words)
        self._size = size
        self._began = False
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._running = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    def report(self, done: int, _total: int | None = None) -> None:
        """Tell how much was read."""
        if self._silent or max(done, self._size or 0) < _LARGE:
            return
        if not self._began:
            self._begin()
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)

    def _begin(self) -> None:
        self._began = True
        if draws():
            from pycape.cli._bar import bar  # noqa: PLC0415 - heavy, and for long work only

            self._bar = self._running.enter_context(bar())
            self._task = self._bar.add_task(self._words, total=self._size)
        else:
            click.echo(self._words, err=True)
