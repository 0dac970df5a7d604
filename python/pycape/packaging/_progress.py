"""What a caller is told while a bundle is made, and sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Progress:
    """How far a step is: `done` of `total`, in bytes for `write` and `upload`, else in steps."""

    phase: Literal["collect", "resolve", "fetch", "check", "write", "upload"]
    done: int
    total: int


Report: TypeAlias = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Tell nobody."""
