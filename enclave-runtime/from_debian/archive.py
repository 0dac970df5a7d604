"""Debian's archive, by apt: the very file that a lock names, wherever this machine has Debian from.

Nothing of the machine's own apt changes, and no rights are needed: lists and files are in a folder
of their own, and the archive's address is taken from what apt has configured.
"""

import dataclasses
import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from . import cache, commands
from .error import BuildError, say
from .lock import Package


def fetch(package: Package) -> Path:
    """Return the file, once its SHA-256 is that of the lock.

    Raises:
        BuildError: the archive cannot be reached, or has it no more; or it is another file.
    """
    kept = _place(package.sha256)
    if not kept.exists():
        say(f"fetching {package.name} {package.version}, {package.size / 1e6:.0f} MB")
        with cache.work("sources") as scratch:
            found = _Apt(package, scratch).download(package.version)
            _check(package, found)
            found.rename(kept)
    _check(package, kept)
    return kept


def adopt(file: Path, packages: Iterable[Package]) -> None:
    """Keep a file that was given by hand for `fetch`.

    Raises:
        BuildError: it cannot be read, or is none of the packages.
    """
    digest = _digest(file)
    if digest not in {package.sha256 for package in packages}:
        raise BuildError(f"{file} is none of the files of the lock: its SHA-256 is {digest}")
    with cache.work("sources") as scratch:
        shutil.copyfile(file, scratch / "file")
        (scratch / "file").rename(_place(digest))


def newest(package: Package) -> Package:
    """Return the package in the newest version that its suite has.

    Raises:
        BuildError: the archive cannot be reached.
    """
    with cache.work("sources") as scratch:
        apt = _Apt(package, scratch)
        version = apt.newest()
        file = apt.download(version)
        digest, size = _digest(file), file.stat().st_size
        file.rename(_place(digest))
    return dataclasses.replace(package, version=version, size=size, sha256=digest)


class _Apt:
    """apt with lists of its own, of the suite that a package is in."""

    def __init__(self, package: Package, scratch: Path) -> None:
        self._package = package
        self._log = scratch / "apt.log"
        self._files = scratch / "files"
        for folder in (self._files, scratch / "lists/partial", scratch / "cache/archives/partial"):
            folder.mkdir(parents=True)
        # As the user who calls: the one that apt becomes otherwise cannot enter the folder.
        self._options = ["-o", "APT::Sandbox::User=root"]
        for option, place in (
            ("Dir::Etc::SourceList", "apt.sources"),
            ("Dir::Etc::SourceParts", "none"),
            ("Dir::State::Lists", "lists"),
            ("Dir::Cache", "cache"),
        ):
            self._options += ["-o", f"{option}={scratch / place}"]
        (scratch / "apt.sources").write_text(
            f"Types: {'deb' if package.kind == 'binary' else 'deb-src'}\n"
            f"URIs: {_address(package.archive)}\nSuites: {package.suite}\nComponents: main\n"
        )
        self._get("update")

    def newest(self) -> str:
        lines = commands.ask(
            ["apt-cache", *self._options, "madison", self._package.name]
        ).splitlines()
        if not lines:
            raise BuildError(f"{self._package.suite} has no {self._package.name}")
        return lines[0].split("|")[1].strip()

    def download(self, version: str) -> Path:
        pinned = f"{self._package.name}={version}"
        try:
            if self._package.kind == "binary":
                self._get("download", pinned)
            else:
                self._get("source", "--download-only", "--only-source", "--tar-only", pinned)
        except BuildError as error:
            raise BuildError(
                f"{self._package.suite} does not give {pinned}: {error}",
                "archives drop old versions: take the newest (--raise), or give the file (--file)",
            ) from error
        (found,) = self._files.iterdir()
        return found

    def _get(self, *arguments: str) -> None:
        commands.run(["apt-get", "--quiet", *self._options, *arguments], self._log, self._files, {})


def _address(archive: str) -> str:
    """Return where apt has an archive of Debian's from, by the label of its Release file."""
    targets = commands.ask(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)"]
    )
    for target in targets.splitlines():
        origin, label, address = target.split("|", 2)
        if (origin, label) == ("Debian", archive):
            return address
    raise BuildError(f"apt knows no archive of the label {archive}", "apt-get update")


def _place(digest: str) -> Path:
    return cache.folder("sources") / digest


def _check(package: Package, file: Path) -> None:
    digest = _digest(file)
    if digest != package.sha256:
        raise BuildError(
            f"{file} is not {package.name} {package.version}: its SHA-256 is {digest},"
            f" the lock says {package.sha256}"
        )


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise BuildError(f"{file} cannot be read: {error.strerror}") from error
