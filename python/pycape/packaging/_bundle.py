"""What packaging yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pycape._html import Shown, box, code, folded, size

if TYPE_CHECKING:
    from pathlib import Path
    from tempfile import TemporaryDirectory
    from typing import Self

    from pycape.packaging._settings import FunctionSettings
    from pycape.packaging._sizes import Sizes


@dataclass(frozen=True)
class Entry:
    """A file in a bundle: its name, its size in bytes, and whether a dependency brought it."""

    name: str
    size: int
    fetched: bool = False


@dataclass(frozen=True)
class Bundle:
    """A function's zip and what is known of it; closing it removes a temporary one.

    `sha256` (lower-case hex) and `size` (bytes) are of the zip, and become the manifest's
    `bundle_sha256` and `bundle_size`. `python` and `platform` are what it was made for.
    `files` lists its content, sorted as in the zip. `lock` is the lock file's text,
    None for a function without dependencies. `fingerprint` is of all that it was made of, None
    where that may come out otherwise the next time.
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
    fingerprint: str | None = field(default=None, repr=False)
    _home: TemporaryDirectory[str] | None = field(default=None, repr=False, compare=False)

    @property
    def handler(self) -> str:
        """Module and function that the enclave calls, as in "app:cape_handler"."""
        return self.settings.handler

    def _repr_html_(self) -> str:
        """Return what notebooks show: what was packed, without where it lies."""
        settings = self.settings
        rows: dict[str, Shown] = {
            "file": self.path.name,
            "size": f"{size(self.size)}, {len(self.files):,} files",
            "SHA-256": code(self.sha256),
            "handler": code(self.handler),
            "made for": f"Python {self.python}, {self.platform}",
            "isolation": settings.isolation,
            "limits": f"{settings.memory_mib:,} MiB, {settings.timeout_s:,} s",
            "dependencies": "none" if self.lock is None else "locked, in .lock",
        }
        parts = {part.name: size(part.size) for part in self.sizes.largest}
        return box("Bundle", rows, folded("largest parts", parts))

    def close(self) -> None:
        """Remove the zip, unless it was written to a place that the caller named."""
        if self._home:
            self._home.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
