"""The way from a folder to a bundle."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pycape._arguments import only_path, only_progress
from pycape._config import Config
from pycape._system_errors import reason, remedy
from pycape.errors import BundleTooLarge, PackagingError
from pycape.packaging._bundle import Bundle, Entry
from pycape.packaging._collect import collect
from pycape.packaging._fetch import fetch
from pycape.packaging._files import check_together
from pycape.packaging._fingerprint import contents_of, fingerprint
from pycape.packaging._function_side import function_side, with_function_side
from pycape.packaging._handler import check_sources, find_handler
from pycape.packaging._lock import has_pins, locked, valid_lock
from pycape.packaging._native import check_native
from pycape.packaging._progress import Progress, silent
from pycape.packaging._requirements import find_requirements
from pycape.packaging._settings import load_settings
from pycape.packaging._sizes import Sizes, in_words, sizes_of
from pycape.packaging._slim import slimmed
from pycape.packaging._target import Target
from pycape.packaging._unzip import check_new_or_empty, unzip
from pycape.packaging._uv import Uv
from pycape.packaging._zip import sha256_of, write_zip

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike
    from typing import Self

    from pycape.packaging._files import File
    from pycape.packaging._progress import Report
    from pycape.packaging._requirements import Requirements
    from pycape.packaging._settings import FunctionSettings

MAX_SIZE = 1 << 30
"""Bytes of a bundle that a platform takes by default."""


def package(
    folder: str | PathLike[str],
    *,
    python: str | None = None,
    platform: str | None = None,
    output: str | PathLike[str] | None = None,
    into: str | PathLike[str] | None = None,
    max_size: int = MAX_SIZE,
    write_lock: bool = True,
    build_sdists: bool = True,
    progress: Report | None = None,
) -> Bundle:
    """Make the bundle of a function. Nothing is sent anywhere.

    `folder` is a folder with `app.py`, or a zip of one. `python` ("3.11") and `platform`
    ("x86_64-manylinux_2_28") are the enclave's; the present profile's by default. The bundle
    is written to `output`, else to a temporary file that is gone once the result is closed.
    `into` is a new or empty folder in which the bundle's content is left, to look at.
    `max_size` is in bytes. Without `write_lock` the folder stays as it is: versions that were
    resolved anew are in the bundle's `lock`, and not in the folder. Without
    `build_sdists` a folder whose settings have dependencies built here is refused: building runs
    code of whoever wrote the folder.

    The same folder with the same lock file gives the same bytes on every machine.

    Raises ConfigError for the function's settings or where there is no profile to take the
    enclave's platform from, PackagingError and its kinds for whatever else keeps the folder
    from becoming a bundle, ConnectFailed where the package index cannot be reached, and ValueError
    for a malformed `python` or `platform`.
    """
    if python is None or platform is None:
        profile = Config().require_profile(
            'or name the enclave\'s: python="3.11", platform="x86_64-manylinux_2_28"'
        )
        python, platform = python or profile.python, platform or profile.platform
    target = only_path("output", output) if output else None
    with _as_our_errors():
        if target is not None:
            _check_place(target)
        if into is not None:
            check_new_or_empty(only_path("into", into))
    with read_source(
        folder, python=python, platform=platform, max_size=max_size, progress=progress
    ) as source:
        if not build_sdists:
            source.settings.check_builds_nothing()
        bundle = source.bundle(output=target, write_lock=write_lock)
    if into is not None:
        _left_in(Path(into), bundle)
    return bundle


def read_source(
    folder: str | PathLike[str],
    *,
    python: str,
    platform: str,
    max_size: int = MAX_SIZE,
    progress: Report | None = None,
) -> Source:
    """Read a function's folder, or a zip of one; nothing is fetched. Close what it returns.

    Raises as `package`, for what can be told so far.
    """
    target = Target.parse(python, platform)
    progress = only_progress(progress) or silent
    if not isinstance(max_size, int):
        raise TypeError(f"max_size is a number of bytes, not {type(max_size).__name__}")
    staging = tempfile.TemporaryDirectory(prefix="cape-")
    try:
        with _as_our_errors():
            opened = _opened(only_path("folder", folder), Path(staging.name), max_size)
            settings = load_settings(opened)
            settings.check_python(python)
            progress(Progress("collect", 0, 1))
            requirements = find_requirements(opened, settings.requirements)
            own = collect(opened, requirements.local_packages if requirements else ())
            check_together(own)
            _check_size(own, max_size)
            settings = replace(settings, handler=find_handler(own, settings.handler, target))
            fetches = settings.requirements is not False
            requirements = with_function_side(requirements, own, opened, fetches=fetches)
            progress(Progress("collect", 1, 1))
    except BaseException:
        staging.cleanup()
        raise
    return Source(settings, target, tuple(own), requirements, max_size, progress, staging)


@contextmanager
def _as_our_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _of_system(error) from error


def _of_system(error: OSError) -> PackagingError:
    file = error.filename or "a file"
    return PackagingError(f"{file}: {reason(error)}", hint=remedy(Path(file), error))


def _check_place(output: Path) -> None:
    """Tell of a missing folder by the file's own name, and before anything is fetched."""
    if not output.absolute().parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(output))


def _no_folder(folder: Path) -> PackagingError:
    return PackagingError(
        f"there is no folder {folder}", hint=f"it was looked for in {folder.absolute().parent}"
    )


def _opened(folder: Path, staging: Path, max_size: int) -> Path:
    """Return the folder itself, or the one that the zip was unpacked into."""
    if folder.is_dir():
        return folder.resolve()
    if not folder.exists():
        raise _no_folder(folder)
    with folder.open("rb") as opened:
        begins_as_zip = opened.read(2) == b"PK"
    if not begins_as_zip:
        raise PackagingError(
            f"{folder} is no folder and no zip of one",
            hint=f"name the folder that it is in: {folder.parent}/"
            if folder.suffix == ".py"
            else "name a folder with app.py, or a zip of one",
        )
    source = staging / "source"
    unzip(folder, source, max_size)
    return source.resolve()


def _left_in(into: Path, bundle: Bundle) -> None:
    try:
        unzip(bundle.path, into, bundle.size)
    except OSError as error:
        bundle.close()
        raise _of_system(error) from error
    except BaseException:
        bundle.close()
        raise


def handler_of(folder: str | PathLike[str], *, python: str, platform: str) -> str:
    """Return what an enclave would call of a function's folder, as in "app:cape_handler".

    `python` and `platform` are the enclave's. Raises what `package` raises for the folder's
    settings and for its handler.
    """
    source = only_path("folder", folder)
    if not source.is_dir():
        raise _no_folder(source)
    target = Target.parse(python, platform)
    return find_handler(collect(source), load_settings(source).handler, target)


@dataclass(frozen=True)
class Source:
    """A function's folder that was read: from here it becomes a bundle, once."""

    settings: FunctionSettings
    target: Target
    own: tuple[File, ...]
    requirements: Requirements | None
    max_size: int
    progress: Report
    _staging: tempfile.TemporaryDirectory[str]

    @property
    def python(self) -> str:
        """The Python that it is read for."""
        return self.target.python

    @property
    def platform(self) -> str:
        """The platform that it is read for."""
        return self.target.platform

    @cached_property
    def fingerprint(self) -> str | None:
        """What the bundle's would be; None if there may be another each time, or there is no lock.

        All files of the folder that belong to the bundle are read.
        """
        lock = None
        with _as_our_errors():
            if self.requirements is not None:
                build_sdists = self.settings.build_sdists
                kept = valid_lock(self.requirements, self.target, build_sdists=build_sdists)
                if kept is None:
                    return None
                lock = kept if has_pins(kept) else None
            return self._fingerprint(contents_of(self.own), lock)

    def bundle(self, *, output: Path | None = None, write_lock: bool = True) -> Bundle:
        """Make the bundle, as `package` says."""
        with _as_our_errors():
            check_sources(self.own, self.target)
            fetched, lock = self._dependencies(write_lock=write_lock)
            fetched += function_side(self.own, fetched)
            return self._written(self._checked([*self.own, *fetched]), lock, output)

    def close(self) -> None:
        """Remove what was unpacked and fetched for it."""
        self._staging.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fingerprint(self, contents: Mapping[str, str], lock: str | None) -> str | None:
        """Return that of the own files, as they are or were, with those of pycape beside them."""
        of_pycape = contents_of(function_side(self.own, ()))
        return fingerprint({**of_pycape, **contents}, lock, self.settings, self.target)

    def _dependencies(self, *, write_lock: bool) -> tuple[list[File], str | None]:
        """Return the dependencies' files, and the lock that they were fetched by."""
        if self.requirements is None:
            return [], None
        build_sdists = self.settings.build_sdists
        uv = Uv(self.requirements, self.target, Path(self._staging.name))
        self.progress(Progress("resolve", 0, 1))
        lock = locked(uv, build_sdists=build_sdists, write=write_lock)
        self.progress(Progress("resolve", 1, 1))
        if not has_pins(lock):
            return [], None
        installed = fetch(lock, uv, self.progress, build_sdists=build_sdists)
        return slimmed(installed, slim=self.settings.slim), lock

    def _checked(self, files: list[File]) -> list[File]:
        """Return all files, once they are known to fit together, the limits and the enclave."""
        self.progress(Progress("check", 0, 1))
        check_together(files)
        _check_size(files, self.max_size)
        check_native(files, self.target, every=self.settings.build_sdists)
        self.progress(Progress("check", 1, 1))
        return sorted(files, key=lambda file: file.name.encode())

    def _written(self, files: list[File], lock: str | None, output: Path | None) -> Bundle:
        """Write the zip beside `output` and then move it there, or leave it temporary."""
        try:
            home = tempfile.TemporaryDirectory(
                prefix="cape-", dir=output.parent if output else None
            )
        except OSError as error:
            error.filename = output or error.filename  # which is what cannot be written
            raise
        try:
            path = Path(home.name) / "bundle.zip"
            contents = write_zip(files, path, self.progress)
            size = path.stat().st_size
            if size > self.max_size:
                raise _too_large(size, self.max_size, sizes_of(files))
            bundle = Bundle(
                path=output or path,
                sha256=sha256_of(path),
                size=size,
                python=self.python,
                platform=self.platform,
                settings=self.settings,
                lock=lock,
                sizes=sizes_of(files),
                files=tuple(Entry(file.name, file.size, file.fetched) for file in files),
                fingerprint=self._fingerprint(contents, lock),
                _home=None if output else home,
            )
            if output:
                path.replace(output)
                home.cleanup()
        except BaseException:
            home.cleanup()
            raise
        return bundle


def _check_size(files: Sequence[File], max_size: int) -> None:
    sizes = sizes_of(files)
    if sizes.total > max_size:
        raise _too_large(sizes.total, max_size, sizes)


def _too_large(size: int, limit: int, sizes: Sizes) -> BundleTooLarge:
    largest = ", ".join(f"{part.name} ({in_words(part.size)})" for part in sizes.largest[:3])
    return BundleTooLarge(
        f"the bundle would be {in_words(size)} in {sizes.files:,} files; the limit is"
        f" {in_words(limit)}; largest: {largest}",
        details={"size": str(size), "limit": str(limit)},
    )
