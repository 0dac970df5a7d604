"""The files of locked packages: from a folder, from the cache, or fetched; each checked."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pycape._config import cache_dir
from pycape.errors import ArchiveRefused, ImageError
from pycape.images._apt import fetch
from pycape.images._progress import Progress

if TYPE_CHECKING:
    from pathlib import Path

    from pycape.images._lock import Lock, LockedPackage
    from pycape.images._progress import Report


def package_files(lock: Lock, folder: Path | None, report: Report) -> list[Path]:
    """Return the file of each package, whose content is the locked one.

    They come from `folder` alone where there is one, else from the cache, and what is not there
    from where apt has it.

    Raises ImageError for what cannot be had, and ArchiveRefused for what is something else.
    """
    files, done = [], 0
    for package in lock.packages:
        report(Progress("fetch", done, lock.size))
        files.append(_from_folder(package, folder) if folder else _from_cache(package))
        done += package.size
    report(Progress("fetch", done, lock.size))
    return files


def _from_folder(package: LockedPackage, folder: Path) -> Path:
    # With an epoch in the version, too, as apt names what it downloads.
    version = package.version.replace(":", "%3a")
    names = [package.file, f"{package.name}_{version}_{package.architecture}.deb"]
    for name in names:
        if (folder / name).is_file():
            _check(folder / name, package)
            return folder / name
    raise ImageError(
        f"{folder} has no {names[-1]}",
        hint="without --packages it is fetched; `cape image lock` takes the versions of today",
    )


def _from_cache(package: LockedPackage) -> Path:
    kept = cache_dir() / "build" / "packages" / f"{package.sha256}.deb"
    if kept.is_file():
        _check(kept, package)
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _place_of_one(kept.parents[1] / "fetching") as folder:
        fetched = fetch(package, folder)
        _check(fetched, package)
        fetched.replace(kept)
    return kept


@contextmanager
def _place_of_one(folder: Path) -> Iterator[Path]:
    """Lend an empty folder to one process at a time; what a killed one left in it is removed."""
    folder.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            _empty(folder)
            yield folder
        finally:
            _empty(folder)
    finally:
        os.close(descriptor)


def _empty(folder: Path) -> None:
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def _check(file: Path, package: LockedPackage) -> None:
    size = file.stat().st_size
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest() if size == package.size else None
    if digest != package.sha256:
        raise ArchiveRefused(
            f"{file} is not the {package.name} {package.version} that is locked:"
            f" {f'it has {size:,} bytes' if digest is None else f'its SHA-256 is {digest}'}",
            hint="remove it, so that it is fetched anew; nothing of it was used",
        )
