"""What a caller is told while a bundle is made, and sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Progress:
    """How far a step is: `done` of `total`, in bytes for `fetch`, `write`, `upload`, else in steps.

    `fetch` counts the wheels of 1 MiB or more that are downloaded, each once it is there; it is 0
    of 0 as long as there is none.
    """

    phase: Literal["collect", "resolve", "fetch", "check", "write", "upload"]
    done: int
    total: int


Report: TypeAlias = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Tell nobody."""
