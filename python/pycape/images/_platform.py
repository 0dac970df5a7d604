"""What the first process of an image reads: what the image is for, and what in it is insecure."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pycape import _core
from pycape._arguments import only_progress
from pycape.errors import ImageMalformed
from pycape.images._arguments import only
from pycape.images._cuts import cut_defect
from pycape.images._image import Image, Section
from pycape.images._layout import PROGRAM, SETTINGS, VAULT_KEY, layout_defect
from pycape.images._progress import Progress, silent
from pycape.images._system import as_our_errors

if TYPE_CHECKING:
    from pycape._core import RamdiskEntry
    from pycape.images._progress import Report

_KEY = "vault.key"


@dataclass(frozen=True)
class Platform:
    """What an image is for, by the files that its first process reads.

    `mode` is that of its settings. `insecure` names what is for development alone: settings, by
    their keys, "mode" among them, and "vault.key". None is known where `defect` says why.
    """

    purpose: Literal["functions", "program"] | None = None
    mode: str | None = None
    insecure: tuple[str, ...] | None = None
    defect: str | None = None


def platform_of(image: Image, *, progress: Report | None = None) -> Platform:
    """Return what an image that was read is for.

    Where its ramdisks have anything else than those of an image of Cape, that is a defect: the
    first process may read another file than the one that is seen here, or be another program.

    Raises ImageError where the file cannot be read any more.
    """
    image = only(Image, "image", image)
    return platform_in(image.path, image.ramdisks, only_progress(progress) or silent)


def platform_in(path: Path, ramdisks: Sequence[Section], report: Report) -> Platform:
    """Return what an image with these ramdisks is for."""
    try:
        for index, ramdisk in enumerate(ramdisks):
            entries = entries_of(path, ramdisk, report)
            defect = layout_defect(index, entries, is_last=index == len(ramdisks) - 1)
            if defect is not None:
                return Platform(defect=defect)
        with as_our_errors():
            defect = cut_defect(path, ramdisks)
        if defect is not None:
            return Platform(defect=defect)
        files = files_in(path, ramdisks[0], (PROGRAM, SETTINGS, VAULT_KEY), report)
    except ImageMalformed as error:
        return Platform(defect=f"a ramdisk is of a form that is not read here: {error}")
    return platform_of_files(files)


def entries_of(path: Path, ramdisk: Section, report: Report) -> list[RamdiskEntry]:
    """Return what is in a ramdisk."""
    with as_our_errors():
        return _core.read_ramdisk(
            path,
            ramdisk.offset,
            ramdisk.size,
            lambda done: report(Progress("read", done, ramdisk.size)),
        )


def files_in(
    path: Path, ramdisk: Section, names: Sequence[str], report: Report
) -> dict[str, bytes]:
    """Return the contents of those files of a ramdisk that have these names."""
    with as_our_errors():
        return _core.read_ramdisk_files(
            path,
            ramdisk.offset,
            ramdisk.size,
            names,
            lambda done: report(Progress("read", done, ramdisk.size)),
        )


def platform_of_files(files: Mapping[str, bytes]) -> Platform:
    """Return what an image with these files is for."""
    key = [_KEY] if VAULT_KEY in files else []
    if (SETTINGS in files) == (PROGRAM in files):
        return Platform(defect=f"it has not one of {SETTINGS} and {PROGRAM}")
    if PROGRAM in files:
        return Platform("program", insecure=tuple(key))
    try:
        settings = flattened(tomllib.loads(files[SETTINGS].decode()))
    except (ValueError, RecursionError) as error:
        return Platform(defect=f"{SETTINGS} is not TOML: {error}")
    mode = settings.get("mode")
    insecure = [] if mode == "production" else ["mode"]
    insecure += [
        name
        for name, value in settings.items()
        if value and any(part.startswith("insecure") for part in name.split("."))
    ]
    return Platform("functions", mode if isinstance(mode, str) else None, (*insecure, *key))


def document(name: str, content: bytes) -> dict[str, Any]:
    """Return the values of settings, or of a program, by their keys.

    Raises ValueError for what is neither.
    """
    text = content.decode()
    try:
        found = tomllib.loads(text) if name == SETTINGS else json.loads(text)
        return flattened(found) if isinstance(found, dict) else {}
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def flattened(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a table and those in it, as `outer.inner`."""
    return dict(_flattened(table))


def _flattened(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
