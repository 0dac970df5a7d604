"""Debian's archive, by apt: the very file that a lock names, wherever this machine has Debian from.

Nothing of the machine's own apt changes, and no rights are needed: lists and files are in a folder
of their own, and the archive's address is taken from what apt has configured.
"""

import dataclasses
import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from . import cache, commands
from .error import BuildError, say
from .lock import Package


class GoneError(BuildError):
    """The archive has a package, but no more in the version that is pinned."""


def fetch(package: Package) -> Path:
    """Return the file, once its SHA-256 is that of the lock.

    Raises:
        BuildError: the archive cannot be reached, or has it no more (`GoneError`); or it is another
            file.
    """
    kept = _place(package.sha256)
    if not kept.exists():
        say(f"fetching {package.name} {package.version}, {package.size / 1e6:.0f} MB")
        with cache.work("sources") as scratch:
            found = _Apt(package, scratch).download()
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
        BuildError: the archive cannot be reached, or has none.
    """
    with cache.work("sources") as scratch:
        return _Apt(package, scratch).newest()


class _Apt:
    """apt with lists of its own, of the suite that a package is in."""

    def __init__(self, package: Package, scratch: Path) -> None:
        self._package = package
        self._log = scratch / "apt.log"
        self._files = scratch / "files"
        for folder in (self._files, scratch / "lists/partial", scratch / "cache/archives/partial"):
            folder.mkdir(parents=True)
        options = {
            "Dir::Etc::SourceList": scratch / "apt.sources",
            "Dir::Etc::SourceParts": scratch / "none",
            "Dir::State::Lists": scratch / "lists",
            "Dir::Cache": scratch / "cache",
            # As the user who calls: the one that apt becomes otherwise cannot enter the folder.
            "APT::Sandbox::User": "root",
            # The lists are signed, whatever this machine puts up with elsewhere.
            "Acquire::AllowInsecureRepositories": "false",
            "Acquire::AllowWeakRepositories": "false",
            "APT::Get::AllowUnauthenticated": "false",
        }
        self._options = [
            word for name, value in options.items() for word in ("-o", f"{name}={value}")
        ]
        (scratch / "apt.sources").write_text(
            f"Types: {'deb' if package.kind == 'binary' else 'deb-src'}\n"
            f"URIs: {_address(package.archive)}\nSuites: {package.suite}\nComponents: main\n"
        )
        # A list that did not come would look like versions that are gone.
        self._get("update", "--error-on=any")

    def newest(self) -> Package:
        package = dataclasses.replace(self._package, version=self._versions()[0])
        digest, size = _file_of(package, self._record(package))
        return dataclasses.replace(package, size=size, sha256=digest)

    def download(self) -> Path:
        package, versions = self._package, self._versions()
        if package.version not in versions:
            raise GoneError(
                f"{package.suite} has no {package.name} {package.version}: the newest there is"
                f" {versions[0]}",
                "archives drop old versions: --raise takes the newest, --file FILE one that was"
                " kept",
            )
        pinned = f"{package.name}={package.version}"
        if package.kind == "binary":
            self._get("download", pinned)
        else:
            self._get("source", "--download-only", "--only-source", "--tar-only", pinned)
        (found,) = self._files.iterdir()
        return found

    def _versions(self) -> list[str]:
        """Return the versions that the suite has, the newest first; there is one."""
        lines = self._ask("madison", self._package.name).splitlines()
        if not lines:
            raise BuildError(f"{self._package.suite} has no {self._package.name}")
        return [line.split("|")[1].strip() for line in lines]

    def _record(self, package: Package) -> str:
        """Return what the lists say of a version, which they have."""
        if package.kind == "binary":
            return self._ask("show", f"{package.name}={package.version}")
        records = self._ask("showsrc", "--only-source", package.name).split("\n\n")
        version = f"Version: {package.version}"
        return next((record for record in records if version in record.splitlines()), "")

    def _ask(self, *arguments: str) -> str:
        return commands.ask(["apt-cache", *self._options, *arguments])

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


def _file_of(package: Package, record: str) -> tuple[str, int]:
    """Return SHA-256 and size of a package's file, as a record of the lists has them."""
    if package.kind == "binary":
        forms = [r"SHA256: ([0-9a-f]{64})", r"Size: (\d+)"]
    else:
        original = rf"{re.escape(package.name)}_\S+\.orig\.tar\.\w+"
        forms = [rf" ([0-9a-f]{{64}}) \d+ {original}", rf" [0-9a-f]{{64}} (\d+) {original}"]
    digest, size = (re.search(f"^{form}$", record, re.MULTILINE) for form in forms)
    if digest is None or size is None:
        raise BuildError(f"{package.suite} tells no SHA-256 of {package.name} {package.version}")
    return digest[1], int(size[1])


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
