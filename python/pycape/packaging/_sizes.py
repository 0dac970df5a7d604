"""Where a bundle's bytes are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pycape.packaging._files import File

_SHOWN = 10


@dataclass(frozen=True)
class Part:
    """A file or folder at the top of a bundle, with its size in bytes."""

    name: str
    size: int
    files: int


@dataclass(frozen=True)
class Sizes:
    """A bundle's size in bytes, the number of its files, and its parts, largest first."""

    total: int
    files: int
    parts: tuple[Part, ...]

    @property
    def largest(self) -> tuple[Part, ...]:
        """The ten largest parts."""
        return self.parts[:_SHOWN]

    def table(self) -> str:
        """Return the ten largest parts, the rest in one line, and the sum; plain text."""
        rows = list(self.largest)
        if rest := self.parts[_SHOWN:]:
            rows.append(
                Part(
                    f"{len(rest)} more",
                    sum(part.size for part in rest),
                    sum(part.files for part in rest),
                )
            )
        rows.append(Part("total", self.total, self.files))
        width = max(len(row.name) for row in rows)
        return "\n".join(
            f"{row.name:<{width}}  {in_words(row.size):>10}  {row.files:>7,}"
            f" {'file' if row.files == 1 else 'files'}"
            for row in rows
        )


def sizes_of(files: Iterable[File]) -> Sizes:
    """Add up files by the first part of their names."""
    sizes: dict[str, int] = {}
    counts: dict[str, int] = {}
    for file in files:
        top = file.name.partition("/")[0]
        sizes[top] = sizes.get(top, 0) + file.size
        counts[top] = counts.get(top, 0) + 1
    parts = [Part(name, size, counts[name]) for name, size in sizes.items()]
    parts.sort(key=lambda part: (-part.size, part.name))
    return Sizes(sum(sizes.values()), sum(counts.values()), tuple(parts))


def in_words(size: int) -> str:
    """Write a size in bytes for people: "133.4 MiB"."""
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:  # noqa: PLR2004
            return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
