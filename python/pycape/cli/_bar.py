"""The bar of long work on a terminal: how many bytes of how many, how fast, how long it takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.table import Column
from rich.text import Text

from pycape.packaging._sizes import in_words

# What names a task has so many columns at least, so that the bar stands still while it changes,
# and leaves so many to the rest.
_WIDTH = 22
_BESIDE = 58


def bar() -> Progress:
    """Return rich's bar, which heeds NO_COLOR and removes itself at the end.

    Its tasks are in bytes. One of which no bytes are known moves, and tells nothing but its name.
    """
    console = Console(stderr=True)
    widest = max(_WIDTH, console.width - _BESIDE)
    words = Column(no_wrap=True, overflow="ellipsis", min_width=_WIDTH, max_width=widest)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False, table_column=words),
        BarColumn(bar_width=16),
        _Told(_amount),
        _Told(_rate),
        _Told(_time_left),
        console=console,
        transient=True,
    )


class _Told(ProgressColumn):
    """What `tell` says of a task."""

    def __init__(self, tell: Callable[[Task], str]) -> None:
        super().__init__(Column(no_wrap=True, justify="right"))
        self._tell = tell

    def render(self, task: Task) -> Text:
        return Text(self._tell(task))


def _amount(task: Task) -> str:
    """Return how much is done, of how much where that is known: "49.0/100.0 MiB"."""
    if not task.total:
        return in_words(int(task.completed)) if task.completed else ""
    total = in_words(int(task.total))
    number, unit = total.split()
    if unit == "B":
        return f"{task.completed:.0f}/{total}"
    return f"{float(number) * task.completed / task.total:.1f}/{total}"


def _rate(task: Task) -> str:
    """Return bytes a second since it began, and until its end."""
    seconds = task.finished_time or task.elapsed
    return f"{in_words(int(task.completed / seconds))}/s" if task.completed and seconds else ""


def _time_left(task: Task) -> str:
    if not task.total or not task.completed or not task.elapsed:
        return ""
    seconds = task.elapsed * (task.total - task.completed) / task.completed
    return str(timedelta(seconds=round(seconds)))
