"""What builds are made of: the packages that a lock pins, or what tests may take instead."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from . import archive, cache, lock
from .error import say
from .lock import Packages


class Build(Protocol):
    """A build by the tools that are installed here."""

    def key(self) -> str:
        """Return the name of the result, by what goes into it."""

    def make(self, scratch: Path, result: Path) -> None:
        """Build in one folder, and leave the result in another."""


AnyBuild = TypeVar("AnyBuild", bound=Build)


def packages(path: Path, uses: tuple[str, ...], arguments: Namespace) -> Packages:
    """Return what a lock pins, once it is raised and files are taken as the arguments say.

    Raises:
        BuildError: the lock or a file cannot be used, or the archive cannot be reached.
    """
    pinned = lock.read(path, *uses)
    if arguments.newest:
        pinned = _newest(pinned)
        lock.write(path, pinned)
        for package in pinned.values():
            say(f"{path.name} has {package.name} {package.version}")
    for file in arguments.file:
        archive.adopt(file, pinned.values())
    return pinned


def made(
    kind: str, pinned: Packages, build: Callable[[Packages], AnyBuild], *, or_newest: bool
) -> tuple[AnyBuild, Path]:
    """Return a build of the packages, and the folder of what came of it.

    With `or_newest` it is of the newest ones where the archive has a pinned one no more.

    Raises:
        BuildError: a package cannot be had, or as by the build.
    """
    wanted = build(pinned)
    try:
        return wanted, cache.made(kind, wanted.key(), wanted.make)
    except archive.GoneError:
        if not or_newest:
            raise
    newest = _newest(pinned)
    for use, package in newest.items():
        if package != pinned[use]:
            say(
                f"{package.name} {pinned[use].version} is gone from {package.suite}: for tests,"
                f" {package.version} is taken; {kind}/build --raise pins it"
            )
    instead = build(newest)
    return instead, cache.made(kind, instead.key(), instead.make)


def _newest(pinned: Packages) -> Packages:
    return {use: archive.newest(package) for use, package in pinned.items()}
