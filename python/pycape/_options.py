"""How a client behaves."""

from __future__ import annotations

from dataclasses import dataclass, field

from ._timeout import Timeout


@dataclass(frozen=True)
class Options:
    """How a client behaves; a copy with changes is cheap."""

    timeout: Timeout = field(default_factory=Timeout)
    max_retries: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.timeout, Timeout):
            raise TypeError(f"timeout is a Timeout, not {type(self.timeout).__name__}")
        if not isinstance(self.max_retries, int):
            raise TypeError(f"max_retries is a number, not {type(self.max_retries).__name__}")
        if self.max_retries < 0:
            raise ValueError(f"max_retries is {self.max_retries}: 0 or more")
