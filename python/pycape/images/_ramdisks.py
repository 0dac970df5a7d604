"""The two ramdisks of an image (docs/spec/image.md, layout)."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pycape._core import ImageTree
from pycape._files import no_file
from pycape.errors import ImageError
from pycape.images._budget import MAX_ENTRIES, MAX_FILE, MAX_NAMES
from pycape.images._contents import Part
from pycape.images._layout import LAST
from pycape.images._tree import Directory, File, Symlink, Tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pycape.images._recipe import ExtraFile

# Where the first process mounts what a process expects, with their permissions.
_MOUNT_POINTS = {"dev": 0o755, "proc": 0o555, "run": 0o755, "sys": 0o555, "tmp": 0o1777}
_CONSOLE = (5, 1)
# The last entry of all, by the order of an archive: whether it is there tells the first process
# that the kernel had the memory to unpack all of the image.
_LAST = (LAST, 0o444, b"all\n")


def platform_ramdisk(runtime: Path, files: Mapping[str, bytes]) -> ImageTree:
    """Return the first ramdisk, which PCR1 measures: the runtime, and the files that it reads."""
    tree = ImageTree()
    tree.file_from("init", 0o755, runtime)
    tree.directory("dev", 0o755)
    tree.character_device("dev/console", 0o600, *_CONSOLE)
    tree.directory("cape", 0o755)
    for name, content in files.items():
        tree.file(name, 0o600, content)
    return tree


def rootfs_ramdisk(tree: Tree) -> ImageTree:
    """Return the second ramdisk, which PCR2 measures: a tree below `rootfs`, and its end.

    Raises ImageError where it has more names than a reader takes, or one that is too long.
    """
    for name, permissions in _MOUNT_POINTS.items():
        if not isinstance(tree.root.children.get(name), Directory):
            tree.root.children[name] = Directory(permissions)
    ramdisk = ImageTree()
    ramdisk.directory("rootfs", tree.root.permissions)
    entries = names = 0
    for below, node in tree.walk():
        name = f"rootfs/{below}"
        entries, names = entries + 1, names + len(name.encode())
        if entries > MAX_ENTRIES or names > MAX_NAMES:
            raise ImageError(
                f"more than {MAX_ENTRIES:,} files, or {MAX_NAMES:,} bytes of names",
                hint="leave out what the enclave does not need",
            )
        match node:
            case Directory():
                ramdisk.directory(name, node.permissions)
            case File(content=bytes() as content):
                ramdisk.file(name, node.permissions, content)
            case File(content=Path() as content):
                ramdisk.file_from(name, node.permissions, content)
            case File(content=Part(path, offset, size)):
                ramdisk.part_of(name, node.permissions, path, offset, size)
            case Symlink():
                ramdisk.symlink(name, node.target)
        if node.user or node.group:
            ramdisk.give_to(name, node.user, node.group)
    ramdisk.file(*_LAST)
    return ramdisk


def add_files(tree: Tree, files: Sequence[ExtraFile]) -> None:
    """Add what `image.toml` lists, in the place of what was there.

    Raises ConfigError where a source is not there, and ImageError for one that is no file.
    """
    for each in files:
        parts = tuple(each.path.split("/"))
        if each.link is not None:
            tree.put(parts, Symlink(0o777, target=each.link))
        elif each.text is not None:
            content = each.text.encode()
            mode = 0o644 if each.mode is None else each.mode
            tree.put(parts, File(mode, content=content, size=len(content)))
        elif each.source is not None:
            _add_source(tree, parts, each.source, each.mode)
        else:
            tree.directory(parts).permissions = 0o755 if each.mode is None else each.mode


def _add_source(tree: Tree, parts: tuple[str, ...], source: Path, mode: int | None) -> None:
    """Add a file, or all that is in a folder; permissions show no umask."""
    pending = [(parts, source)]
    while pending:
        parts, path = pending.pop()
        try:
            found = path.lstat() if path != source else path.stat()
        except FileNotFoundError:
            raise no_file("file", path) from None
        if stat.S_ISDIR(found.st_mode):
            tree.directory(parts)
            pending += [
                ((*parts, _as_text(each.name, each)), each) for each in sorted(path.iterdir())
            ]
        elif stat.S_ISLNK(found.st_mode):
            tree.put(parts, Symlink(0o777, target=_as_text(str(path.readlink()), path)))
        elif stat.S_ISREG(found.st_mode):
            if found.st_size > MAX_FILE:
                raise ImageError(
                    f"{path} has {found.st_size:,} bytes, and a file of an image has"
                    f" {MAX_FILE:,} at most",
                    hint="divide it into several, or leave it out",
                )
            usual = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
            permissions = usual if mode is None else mode
            tree.put(parts, File(permissions, content=path.absolute(), size=found.st_size))
        else:
            raise ImageError(
                f"{path} is neither a file nor a folder nor a link",
                hint="leave it out of the folder",
            )


def _as_text(name: str, path: Path) -> str:
    """Return what the system calls a file, or where a link points to, where that is text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ImageError(
            f"{str(path)!a}: {name!a} is not UTF-8",
            hint="rename it, or leave it out of the folder",
        ) from None
    return name
