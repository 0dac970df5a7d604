"""The files of an image before they are one: a tree, whose links lead nowhere else."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from pycape.errors import ArchiveRefused
from pycape.images._budget import MAX_ENTRIES

if TYPE_CHECKING:
    from pathlib import Path

    from pycape.images._contents import Part

# As the kernel follows no more; and how far one name may lead with all of them.
_MOST_LINKS = 40
_MOST_STEPS = 1000


@dataclass
class Owned:
    """What every node has: permissions (`0o755`), the numbers of its user and its group.

    `layer` is the last one that said something of it, or of what is below it.
    """

    permissions: int
    user: int = 0
    group: int = 0
    layer: int = 0


@dataclass
class Directory(Owned):
    """A directory; `cleared` is the last layer that hid what others below it have in it."""

    children: dict[str, Node] = field(default_factory=dict)
    cleared: int = 0


@dataclass
class File(Owned):
    """A file of `size` bytes, whose content is that of a file of the disk, or a part of one."""

    content: Path | Part | bytes = b""
    size: int = 0


@dataclass
class Symlink(Owned):
    """A symbolic link, which may point anywhere."""

    target: str = ""


Node: TypeAlias = Directory | File | Symlink


class Tree:
    """A root directory and all below. Paths are tuples of names, without `..`."""

    def __init__(self) -> None:
        self.root = Directory(0o755)
        self._made = 0

    def find(self, parts: Sequence[str], *, follow: bool = True) -> Node | None:
        """Return what is at a path, as a process with this root would find it; None for nothing.

        The last part is a link itself without `follow`.
        """
        found = self._locate(parts, [self.root], follow=follow)
        return found[1] if found else None

    def find_beside(self, parts: Sequence[str], relative: Sequence[str]) -> Node | None:
        """Return what is at a path from the directory of a file, to which links may lead."""
        found = self._locate(parts, [self.root])
        if found is None or not isinstance(found[1], File):
            return None
        beside = self._locate(relative, found[0])
        return beside[1] if beside else None

    def directory(self, parts: Sequence[str], layer: int = 0) -> Directory:
        """Return the directory at a path, made with all above it where there is none.

        Raises ArchiveRefused where something else is there, or links lead on without an end.
        """
        found = self._walk(parts, [self.root], make=True, layer=layer)
        if found is None:
            raise ArchiveRefused(
                f"/{'/'.join(parts)} is not below directories alone",
                hint="a file, or links without an end, are in the place of one",
            )
        return found[-1]

    def put(self, parts: Sequence[str], node: Node) -> None:
        """Set what is at a path, in the place of whatever was there."""
        self.directory(parts[:-1], node.layer).children[parts[-1]] = node

    def walk(self) -> Iterator[tuple[str, Node]]:
        """Yield all below the root by name, each after the directory that it is in."""
        pending: deque[tuple[str, Directory]] = deque([("", self.root)])
        while pending:
            prefix, directory = pending.popleft()
            for name, node in directory.children.items():
                yield prefix + name, node
                if isinstance(node, Directory):
                    pending.append((f"{prefix}{name}/", node))

    def remove(self, names: Iterable[str]) -> None:
        """Remove what has these names, as `walk` yields them."""
        for name in names:
            *above, last = name.split("/")
            directory = self.find(above, follow=False)
            if isinstance(directory, Directory):
                directory.children.pop(last, None)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(node.size for _, node in self.walk() if isinstance(node, File))

    def _locate(
        self, parts: Sequence[str], place: list[Directory], *, follow: bool = True
    ) -> tuple[list[Directory], Node] | None:
        """Return what is at a path from a place, and the directories that it is in."""
        for _ in range(_MOST_LINKS):
            if not parts:
                return place, place[-1]
            *above, last = parts
            walked = self._walk(above, place)
            if walked is None:
                return None
            place = walked
            if last == "..":
                return place, (place[:-1] or place)[-1]
            found = place[-1].children.get(last)
            if found is None or not (follow and isinstance(found, Symlink)):
                return None if found is None else (place, found)
            if found.target.startswith("/"):
                place = [self.root]
            parts = _steps(found.target)
        return None

    def _walk(
        self, parts: Sequence[str], place: list[Directory], *, make: bool = False, layer: int = 0
    ) -> list[Directory] | None:
        """Return the directories that a path leads through from a place; missing ones may be made.

        None where it leads to no directory.
        """
        place = [*place]
        pending, links = deque(parts), 0
        for _ in range(_MOST_STEPS):
            if not pending or links > _MOST_LINKS:
                break
            part = pending.popleft()
            if part == "..":
                place = place[:-1] or place
                continue
            node = place[-1].children.get(part)
            if node is None and make:
                node = place[-1].children[part] = self._new_directory()
            if isinstance(node, Directory):
                place.append(node)
            elif isinstance(node, Symlink):
                links += 1
                if node.target.startswith("/"):
                    place = [self.root]
                pending.extendleft(reversed(_steps(node.target)))
            else:
                return None
            if make:
                place[-1].layer = max(place[-1].layer, layer)
        return None if pending else place

    def _new_directory(self) -> Directory:
        """Return one that nobody asked for by its own name."""
        self._made += 1
        if self._made > MAX_ENTRIES:
            raise ArchiveRefused(
                f"more than {MAX_ENTRIES:,} directories that no archive lists",
                hint="no honest archive has them: take it from whom you trust",
            )
        return Directory(0o755)


def _steps(target: str) -> list[str]:
    return [part for part in target.split("/") if part not in {"", "."}]
