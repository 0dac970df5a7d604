"""The lock file: which wheels, by hash. Written once, used while what it came from stays."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pycape._warnings import warn
from pycape.errors import ConnectFailed, PackagingError
from pycape.packaging._files import text_of
from pycape.packaging._requirement_lines import lines_of
from pycape.packaging._requirements import check_followed, check_sources

if TYPE_CHECKING:
    from pycape.packaging._requirements import Requirements
    from pycape.packaging._target import Target
    from pycape.packaging._uv import Uv

LOCK_NAME = "cape.lock"
"""The name of the file with the versions of a function's dependencies, in its folder."""

_OF_PINS = ("--hash=", "-e ")
TITLE = "# The dependencies of this function, by hash. Written by Cape; keep it with the code.\n"


def valid_lock(requirements: Requirements, target: Target, *, build_sdists: bool) -> str | None:
    """Return the folder's lock file if it is still right, None if there is none or it is not."""
    previous = text_of(requirements.folder / LOCK_NAME)
    head = _head(requirements, target, build_sdists=build_sdists)
    return previous if previous.startswith(head) else None


def locked(uv: Uv, *, build_sdists: bool, write: bool = True) -> str:
    """Return the lock for uv's requirements, from the folder's lock file if that is still right.

    Otherwise versions are resolved, keeping those that the old lock names where they still
    fit, and the file is written, unless that is not wanted. Raises what `Uv.run` raises, and
    `PackagingError` when the lock cannot be written, or is not to be followed.
    """
    requirements = uv.requirements
    folder = requirements.folder
    check_followed(requirements.lines, folder, build_sdists=build_sdists)
    if requirements.name and not build_sdists:
        check_sources(folder / requirements.name)
    file = folder / LOCK_NAME
    kept = valid_lock(requirements, uv.target, build_sdists=build_sdists)
    if kept is not None:
        _check_pins(kept, folder, build_sdists=build_sdists)
        return kept
    head = _head(requirements, uv.target, build_sdists=build_sdists)
    pins = uv.staging / "resolved.txt"
    pins.write_text(_old_pins(text_of(file), folder, build_sdists=build_sdists), encoding="utf-8")
    lock = head + _resolved(uv, pins, build_sdists=build_sdists)
    if not write:
        return lock
    try:
        _replace(file, lock)
    except OSError as error:
        raise PackagingError(
            f"{LOCK_NAME} cannot be written: {(error.strerror or str(error)).lower()}",
            hint="it is kept beside the code: pack a copy of the folder that you may write to",
        ) from error
    return lock


def has_pins(lock: str) -> bool:
    """Whether a lock names anything at all."""
    return any(line and line[0] not in "# " for line in lock.splitlines())


def _check_pins(lock: str, folder: Path, *, build_sdists: bool) -> None:
    """Refuse a lock with more in it than versions and hashes: that is none that Cape wrote."""
    lines = lines_of(LOCK_NAME, lock)
    check_followed(lines, folder, build_sdists=build_sdists)
    for line in lines:
        text = line.text.strip()
        if text.startswith("-") and not text.startswith(_OF_PINS):
            raise line.refused(
                "is no version and no hash", f"delete {LOCK_NAME}: it is written anew"
            )


def _old_pins(lock: str, folder: Path, *, build_sdists: bool) -> str:
    """Return a lock that is out of date, for its versions; nothing of one that was to be refused.

    Such a one is written anew: a folder that was built from sources then may have a wheel now.
    """
    try:
        _check_pins(lock, folder, build_sdists=build_sdists)
    except PackagingError:
        return ""
    return lock


def _head(requirements: Requirements, target: Target, *, build_sdists: bool) -> str:
    """Return what a lock begins with: all that it depends on."""
    sources = "wheels and sdists" if build_sdists else "wheels"
    added = f"# {requirements.reason} wants {requirements.added}\n" if requirements.added else ""
    return (
        f"{TITLE}# {sources}, python {target.python}, platform {target.platform},"
        f" {requirements.name or 'no requirements'} sha256:{requirements.digest}\n{added}"
    )


def _resolved(uv: Uv, pins: Path, *, build_sdists: bool) -> str:
    """Resolve, with the versions in the file `pins` where they still fit.

    Without a network, versions are those that uv's cache knows, if these will do.
    """
    requirements = uv.requirements
    command = [
        "compile",
        *([requirements.name] if requirements.name else []),
        *(["-"] if requirements.added else []),
        f"--output-file={pins}",
        "--generate-hashes",
        "--no-header",
        "--no-progress",
        *([] if build_sdists else ["--only-binary=:all:"]),
    ]
    try:
        uv.run(*command, text=requirements.added)
    except ConnectFailed as error:
        if uv.attempt(*command, "--offline", text=requirements.added).status != 0:
            raise
        warn(f"{error}; versions are of what was fetched before", UserWarning)
    return pins.read_text(encoding="utf-8")


def _replace(file: Path, text: str) -> None:
    """Write a file in one step, so that nobody reads half of it."""
    descriptor, path = tempfile.mkstemp(prefix=f"{LOCK_NAME}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        Path(path).chmod(0o644)
        Path(path).replace(file)
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise
