"""What a caller is told while an image is made or read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Progress:
    """How far a step is: `done` of `total` bytes, packages for `lock`, builds for `reproduce`."""

    phase: Literal["lock", "fetch", "unpack", "write", "read", "reproduce"]
    done: int
    total: int


Report: TypeAlias = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """Tell nobody."""
