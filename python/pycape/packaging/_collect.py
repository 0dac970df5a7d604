"""The files of a folder that belong to a bundle."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from pycape.errors import FileRefused, PackagingError
from pycape.packaging._files import MAX_FILES, File, check_name, text_of, too_many_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

IGNORE_NAME = ".capeignore"

# Patterns as git's. A folder's own .capeignore comes after them, so `!` takes one back.
_NEVER_WANTED = [
    "/.capeignore",
    "/cape.lock",
    "/cape.toml",
    ".env",
    ".env.*",
    ".git/",
    ".hg/",
    ".svn/",
    ".gitattributes",
    ".gitignore",
    ".gitmodules",
    ".idea/",
    ".vscode/",
    ".venv/",
    "/env/",
    "/venv/",
    ".nox/",
    ".tox/",
    ".coverage",
    ".hypothesis/",
    ".ipynb_checkpoints/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    "__pycache__/",
    "*.py[co]",
    "*.egg-info/",
    "node_modules/",
    "._*",
    ".DS_Store",
    "__MACOSX/",
    "Thumbs.db",
]

_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def collect(folder: Path, installed: Iterable[str] = ()) -> list[File]:
    """Return the function's own files, without what `.capeignore` and good sense leave out.

    `installed` are names in the folder of packages that the bundle has in installed form.
    """
    patterns = text_of(folder / IGNORE_NAME).splitlines()
    packages = [f"/{_literal(name)}" for name in installed]
    return walk(folder, [*_NEVER_WANTED, *packages, *patterns])


def walk(folder: Path, ignored: Iterable[str], *, fetched: bool = False) -> list[File]:
    """All regular files of `folder` that no pattern ignores, sorted by name.

    Raises FileRefused for links, sockets, pipes, devices, set-id files and bad names.
    """
    spec = _spec(ignored)
    files: list[File] = []
    for name, entry in _entries(folder, spec):
        check_name(name)
        found = entry.stat(follow_symlinks=False)
        _check_kind(name, found.st_mode)
        files.append(File(name, Path(entry.path), found.st_size, fetched))
        if len(files) > MAX_FILES:
            raise too_many_files(len(files))
    return sorted(files, key=lambda file: file.name.encode())


def _literal(name: str) -> str:
    """Return the pattern that nothing but this name fits."""
    return re.sub(r"([\\*?\[\]!# ])", r"\\\1", name)


def _spec(patterns: Iterable[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except (ValueError, re.error) as error:
        raise PackagingError(
            f"{IGNORE_NAME} has a malformed pattern: {error}",
            hint="its patterns are those of a .gitignore",
        ) from error


def _entries(folder: Path, spec: GitIgnoreSpec) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything but folders, named from `folder` with slashes. Links are not followed."""
    pending = [("", os.fspath(folder))]
    while pending:
        prefix, path = pending.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                name = prefix + entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if spec.match_file(name + "/" if is_folder else name):
                    continue
                if is_folder:
                    pending.append((name + "/", entry.path))
                else:
                    yield name, entry


def _check_kind(name: str, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
        raise FileRefused(
            f"{name} is {kind}; a bundle holds regular files only",
            hint=f"put a copy of the file there, or list /{name} in {IGNORE_NAME}",
        )
    if mode & (stat.S_ISUID | stat.S_ISGID):
        raise FileRefused(
            f"{name} has a set-user-id or set-group-id bit", hint=f"chmod ug-s {name}"
        )
