"""How much of an archive is taken: what has more is refused before it costs it."""

from __future__ import annotations

from dataclasses import dataclass

from pycape.errors import ArchiveRefused

MAX_ENTRIES = 500_000
MAX_BYTES = 8 << 30
MAX_NAMES = 64 << 20
"""Bytes of all names: what a reader of ramdisks takes (docs/spec/image.md, ramdisks)."""
MAX_FILE = (4 << 30) - 1
"""Bytes of one file: a ramdisk has 32 bits for them."""

# An archive of a GiB of zeros is a MiB in gzip, and much less in zstd.
_MAX_RATIO = 250
_SLACK = 16 << 20


@dataclass
class Budget:
    """What one image may still take, all its packages or layers together."""

    entries: int = MAX_ENTRIES
    bytes: int = MAX_BYTES
    names: int = MAX_NAMES

    def entry(self, where: str, name: str) -> None:
        """Count one entry of an archive."""
        self.entries -= 1
        self.names -= len(name)
        if self.entries < 0 or self.names < 0:
            raise ArchiveRefused(
                f"{where}: more than {MAX_ENTRIES:,} entries, or {MAX_NAMES:,} bytes of names",
                hint="an image is held in memory: take a smaller one",
            )

    def content(self, where: str, name: str, size: int) -> None:
        """Count a file's bytes; a hard link counts as a file, which it becomes."""
        self.bytes -= size
        if self.bytes < 0 or size > MAX_FILE:
            raise ArchiveRefused(
                f"{where}: with {name} it has more than"
                f" {(MAX_FILE if size > MAX_FILE else MAX_BYTES):,} bytes",
                hint="an image is held in memory: take a smaller one",
            )


def check_ratio(where: str, compressed: int, size: int) -> None:
    """Refuse a stream that grows more than any does that somebody wants."""
    if size > compressed * _MAX_RATIO + _SLACK:
        raise ArchiveRefused(
            f"{where}: {compressed:,} bytes become more than {size:,}, as no honest archive does",
            hint="compress it anew, without long runs of zeros",
        )
