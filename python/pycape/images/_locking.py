"""From wanted packages to a lock file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycape._arguments import only_progress
from pycape.errors import ConfigError
from pycape.images._apt import resolve
from pycape.images._arguments import only
from pycape.images._lock import Lock, write_lock
from pycape.images._progress import Progress, silent
from pycape.images._recipe import Recipe

if TYPE_CHECKING:
    from pycape.images._progress import Report


def lock_packages(recipe: Recipe, *, progress: Report | None = None) -> Lock:
    """Resolve the packages that a recipe wants by this machine's apt, and write its lock file.

    Raises ConfigError for a recipe that wants none, and where the file cannot be written, and
    ImageError where apt does not resolve them.
    """
    recipe, report = only(Recipe, "recipe", recipe), only_progress(progress) or silent
    if recipe.packages is None:
        raise ConfigError(
            "the recipe wants no packages",
            hint="[packages] with wanted and lock says which, and where their lock is",
        )
    packages = recipe.packages
    report(Progress("lock", 0, 1))
    resolved = resolve(packages.wanted, packages.without, recipe.architecture)
    lock = Lock(packages.wanted, packages.without, tuple(resolved))
    write_lock(packages.lock, lock)
    report(Progress("lock", 1, 1))
    return lock
