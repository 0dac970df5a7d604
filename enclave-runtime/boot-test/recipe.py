"""Prints which image.toml boot tests make images of, with its packages in the cache.

It is our own, `recipe.py IMAGE.TOML FOLDER`. Where apt has a locked package no more, it is a copy
in the folder, whose lock has the packages of today: an image for others is made of what is locked.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pycape.errors import CapeError, ImageError
from pycape.images import Lock, lock_packages, read_lock, read_recipe
from pycape.images._packages import package_files
from pycape.images._progress import silent

LOCK = "packages.lock"


def main(image: Path, folder: Path) -> Path:
    """Return the recipe whose packages are to be had; its lock is beside it.

    Raises:
        CapeError: there is none; apt cannot be asked, or fetches something else than is locked.
    """
    locked = read_lock(image.with_name(LOCK))
    try:
        fetch(locked)
    except ImageError:
        # The lists of this machine may be old, or none.
        refresh(folder)
        try:
            fetch(locked)
        except ImageError as error:
            if "newest" not in error.details:
                raise
            say(str(error))
            return of_today(image, locked, folder)
    return image


def fetch(lock: Lock) -> None:
    """Have all packages of a lock in the cache."""
    package_files(lock, None, silent)


def refresh(folder: Path) -> None:
    """Let apt have the lists of today, in a folder: the machine's stay as they are."""
    lists, cached = folder / "apt/lists", folder / "apt/cache"
    for each in (lists / "partial", cached / "archives/partial"):
        each.mkdir(parents=True, exist_ok=True)
    configuration = folder / "apt/apt.conf"
    configuration.write_text(
        f'Dir::State::Lists "{lists}";\nDir::Cache "{cached}";\nAPT::Sandbox::User "root";\n'
    )
    os.environ["APT_CONFIG"] = str(configuration)
    done = subprocess.run(
        ["apt-get", "--quiet", "update", "--error-on=any"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ImageError(f"apt-get update: {done.stderr.strip()}", hint="the packages come by apt")


def of_today(image: Path, locked: Lock, folder: Path) -> Path:
    """Return a copy of a recipe, locked anew, and tell what is other in it."""
    copy = folder / image.name
    shutil.copyfile(image, copy)
    pinned = {package.name: package.version for package in locked.packages}
    today = lock_packages(read_recipe(copy))
    for package in today.packages:
        before = pinned.get(package.name, "none")
        if package.version != before:
            say(
                f"for tests, {package.name} {package.version} is taken instead of {before};"
                f" to pin it: cape image lock {image}"
            )
    fetch(today)
    return copy


def say(text: str) -> None:
    """Tell whoever waits; standard output has nothing but the path."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{main(Path(sys.argv[1]), Path(sys.argv[2]))}\n")
    except CapeError as error:
        sys.exit(f"error: {error}\nhint: {error.hint}")
