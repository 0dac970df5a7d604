"""What packaging yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from tempfile import TemporaryDirectory
    from typing import Self

    from pycape.packaging._settings import FunctionSettings
    from pycape.packaging._sizes import Sizes


@dataclass(frozen=True)
class Entry:
    """A file in a bundle: its name and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Bundle:
    """A function's zip and what is known of it; closing it removes a temporary one.

    `sha256` (lower-case hex) and `size` (bytes) are of the zip, and become the manifest's
    `bundle_sha256` and `bundle_size`. `python` and `platform` are what it was made for.
    `files` lists its content, sorted as in the zip. `lock` is the lock file's text,
    None for a function without dependencies.
    """

    path: Path
    sha256: str
    size: int
    python: str
    platform: str
    settings: FunctionSettings
    lock: str | None
    sizes: Sizes
    files: tuple[Entry, ...] = field(repr=False)
    _home: TemporaryDirectory[str] | None = field(default=None, repr=False, compare=False)

    @property
    def handler(self) -> str:
        """Module and function that the enclave calls, as in "app:cape_handler"."""
        return self.settings.handler

    def close(self) -> None:
        """Remove the zip, unless it was written to a place that the caller named."""
        if self._home:
            self._home.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
