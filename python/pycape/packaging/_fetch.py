"""The dependencies themselves: the locked wheels, unpacked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pycape.packaging._collect import walk
from pycape.packaging._downloads import Downloads
from pycape.packaging._progress import Progress
from pycape.packaging._requirements import local_package

if TYPE_CHECKING:
    from pathlib import Path

    from pycape.packaging._files import File
    from pycape.packaging._progress import Report
    from pycape.packaging._requirements import Requirements
    from pycape.packaging._uv import Uv

# What the installer leaves besides the wheels' content: its lock, and scripts that start
# with the path of an interpreter on this machine.
_LEFT_BEHIND = ("/.lock", "/bin/", "__pycache__/", "*.py[co]")

_EDITABLE = re.compile(r"-e\s+|--editable[\s=]\s*")


def fetch(lock: str, uv: Uv, report: Report, *, build_sdists: bool) -> list[File]:
    """Install what `lock` names into a folder in uv's staging, and list its files.

    Every file that is downloaded must have one of its hashes in the lock, and one of those that
    the requirements themselves name for it; uv keeps the wheels in its cache. A local folder of
    sources has none, and is built where that is asked for. Raises what `Uv.run` raises.
    """
    installed = uv.staging / "dependencies"
    hashed, folders = _parted(lock, uv.requirements)
    options = ["--require-hashes", *([] if build_sdists else ["--only-binary=:all:"])]
    if own_hashes := uv.requirements.hashed:
        constraint = uv.staging / "hashes.txt"
        constraint.write_text("".join(f"{each}\n" for each in own_hashes), encoding="utf-8")
        options.append(f"--constraint={constraint}")
    report(Progress("fetch", 0, 0))
    downloads = Downloads(report)
    _install(hashed, options, uv, installed, downloads)
    if folders:
        _install("\n".join(folders), [], uv, installed, downloads)
    return walk(installed, _LEFT_BEHIND, fetched=True)


def _parted(lock: str, requirements: Requirements) -> tuple[str, list[str]]:
    """Return a lock without the folders of sources that it names, and these; they have no hash.

    None is installed as editable: that would be a path on this machine.
    """
    lines = lock.split("\n")
    folders = [line for line in lines if _is_folder(line, requirements)]
    hashed = "\n".join(line for line in lines if line not in folders)
    return hashed, [_EDITABLE.sub("", line) for line in folders]


def _is_folder(line: str, requirements: Requirements) -> bool:
    package = None if line.startswith("#") else local_package(requirements.folder, line)
    return package is not None and package.is_dir()


def _install(pins: str, options: list[str], uv: Uv, installed: Path, downloads: Downloads) -> None:
    """Install from uv's cache if all of it is there, so that no index is asked; else from indexes.

    That something lacks is known before anything is unpacked.
    """
    file = installed.with_name("requirements.txt")
    file.write_text(f"{pins}\n", encoding="utf-8")
    command = ["install", f"--requirement={file}", f"--target={installed}", "--no-deps", *options]
    if uv.attempt(*command, "--offline").status != 0:
        uv.run(*command, hear=downloads.hear)
