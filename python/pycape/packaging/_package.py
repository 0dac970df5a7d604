"""The way from a folder to a bundle."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pycape._config import Config
from pycape.errors import BundleTooLarge, PackagingError
from pycape.packaging._bundle import Bundle, Entry
from pycape.packaging._collect import collect
from pycape.packaging._fetch import fetch
from pycape.packaging._files import check_together
from pycape.packaging._function_side import function_side, with_function_side
from pycape.packaging._handler import check_sources, find_handler
from pycape.packaging._lock import has_pins, locked
from pycape.packaging._native import check_native
from pycape.packaging._progress import Progress, silent
from pycape.packaging._requirements import find_requirements
from pycape.packaging._settings import load_settings
from pycape.packaging._sizes import Sizes, in_words
from pycape.packaging._slim import slimmed
from pycape.packaging._target import Target
from pycape.packaging._unzip import unzip
from pycape.packaging._zip import sha256_of, write_zip

if TYPE_CHECKING:
    from os import PathLike

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
    progress: Report = silent,
) -> Bundle:
    """Make the bundle of a function. Nothing is sent anywhere.

    `folder` is a folder with `app.py`, or a zip of one. `python` ("3.11") and `platform`
    ("x86_64-manylinux_2_28") are the enclave's; the present profile's by default. The bundle
    is written to `output`, else to a temporary file that is gone once the result is closed.
    `into` is a new or empty folder in which the bundle's content is left, to look at.
    `max_size` is in bytes.

    The same folder with the same lock file gives the same bytes on every machine.

    Raises ConfigError for the function's settings or where there is no profile to take the
    enclave's platform from, PackagingError and its kinds for whatever else keeps the folder
    from becoming a bundle, and ValueError for a malformed `python` or `platform`.
    """
    if python is None or platform is None:
        profile = Config().require_profile()
        python, platform = python or profile.python, platform or profile.platform
    target = Target.parse(python, platform)
    try:
        with tempfile.TemporaryDirectory(prefix="cape-") as staging:
            source = _opened(Path(folder), Path(staging), max_size)
            settings = load_settings(source)
            settings.check_python(python)
            work = _Work(source, Path(staging), settings, target, max_size, progress)
            own = work.own_files()
            handler = find_handler(own, settings.handler, target)
            work = replace(work, settings=replace(settings, handler=handler))
            fetched, lock = work.dependencies(own)
            files = work.checked([*own, *fetched])
            bundle = work.written(files, lock, Path(output) if output else None)
    except OSError as error:
        raise PackagingError(str(error)) from error
    if into is not None:
        _left_in(Path(into), bundle)
    return bundle


def _opened(folder: Path, staging: Path, max_size: int) -> Path:
    """Return the folder itself, or the one that the zip was unpacked into."""
    if folder.is_dir():
        return folder.resolve()
    if not folder.exists():
        raise PackagingError(f"there is no folder {folder}")
    source = staging / "source"
    unzip(folder, source, max_size)
    return source


def _left_in(into: Path, bundle: Bundle) -> None:
    try:
        unzip(bundle.path, into, bundle.size)
    except OSError as error:
        bundle.close()
        raise PackagingError(str(error)) from error
    except BaseException:
        bundle.close()
        raise


def handler_of(folder: str | PathLike[str], *, python: str, platform: str) -> str:
    """Return what an enclave would call of a function's folder, as in "app:cape_handler".

    `python` and `platform` are the enclave's. Raises what `package` raises for the folder's
    settings and for its handler.
    """
    source = Path(folder)
    if not source.is_dir():
        raise PackagingError(f"there is no folder {folder}")
    target = Target.parse(python, platform)
    return find_handler(collect(source), load_settings(source).handler, target)


@dataclass(frozen=True)
class _Work:
    source: Path
    staging: Path
    settings: FunctionSettings
    target: Target
    max_size: int
    progress: Report

    def own_files(self) -> list[File]:
        """Return the folder's files, judged as far as they can be before anything is fetched."""
        self.progress(Progress("collect", 0, 1))
        own = collect(self.source)
        check_together(own)
        self._check_size(own)
        check_sources(own, self.target)
        self.progress(Progress("collect", 1, 1))
        return own

    def dependencies(self, own: list[File]) -> tuple[list[File], str | None]:
        """Return the dependencies' files, and the lock that they were fetched by."""
        requirements = find_requirements(self.source, self.settings.requirements)
        fetches = self.settings.requirements is not False
        requirements = with_function_side(requirements, own, self.source, fetches=fetches)
        fetched, lock = self._fetched(requirements)
        return [*fetched, *function_side(own, fetched)], lock

    def _fetched(self, requirements: Requirements | None) -> tuple[list[File], str | None]:
        if requirements is None:
            return [], None
        build_sdists = self.settings.build_sdists
        self.progress(Progress("resolve", 0, 1))
        lock = locked(requirements, self.target, build_sdists=build_sdists)
        self.progress(Progress("resolve", 1, 1))
        if not has_pins(lock):
            return [], None
        self.progress(Progress("fetch", 0, 1))
        installed = fetch(lock, requirements, self.target, self.staging, build_sdists=build_sdists)
        self.progress(Progress("fetch", 1, 1))
        return slimmed(installed, slim=self.settings.slim), lock

    def checked(self, files: list[File]) -> list[File]:
        """Return all files, once they are known to fit together, the limits and the enclave."""
        self.progress(Progress("check", 0, 1))
        check_together(files)
        self._check_size(files)
        check_native(files, self.target, every=self.settings.build_sdists)
        self.progress(Progress("check", 1, 1))
        return sorted(files, key=lambda file: file.name.encode())

    def written(self, files: list[File], lock: str | None, output: Path | None) -> Bundle:
        """Write the zip beside `output` and then move it there, or leave it temporary."""
        home = tempfile.TemporaryDirectory(prefix="cape-", dir=output.parent if output else None)
        try:
            path = Path(home.name) / "bundle.zip"
            write_zip(files, path, self.progress)
            size = path.stat().st_size
            if size > self.max_size:
                raise _too_large(size, self.max_size, Sizes.of(files))
            bundle = Bundle(
                path=output or path,
                sha256=sha256_of(path),
                size=size,
                python=self.target.python,
                platform=self.target.platform,
                settings=self.settings,
                lock=lock,
                sizes=Sizes.of(files),
                files=tuple(Entry(file.name, file.size) for file in files),
                _home=None if output else home,
            )
            if output:
                path.replace(output)
                home.cleanup()
        except BaseException:
            home.cleanup()
            raise
        return bundle

    def _check_size(self, files: list[File]) -> None:
        sizes = Sizes.of(files)
        if sizes.total > self.max_size:
            raise _too_large(sizes.total, self.max_size, sizes)


def _too_large(size: int, limit: int, sizes: Sizes) -> BundleTooLarge:
    largest = ", ".join(f"{part.name} ({in_words(part.size)})" for part in sizes.largest[:3])
    return BundleTooLarge(
        f"the bundle would be {in_words(size)} in {sizes.files:,} files; the limit is"
        f" {in_words(limit)}; largest: {largest}",
        details={"size": str(size), "limit": str(limit)},
    )
