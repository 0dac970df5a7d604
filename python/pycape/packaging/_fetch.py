"""The dependencies themselves: the locked wheels, unpacked."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pycape.errors import PackagingError
from pycape.packaging._collect import walk
from pycape.packaging._requirements import local_package
from pycape.packaging._uv import uv

if TYPE_CHECKING:
    from pathlib import Path

    from pycape.packaging._files import File
    from pycape.packaging._requirements import Requirements
    from pycape.packaging._target import Target

# What the installer leaves besides the wheels' content: its lock, and scripts that start
# with the path of an interpreter on this machine.
_LEFT_BEHIND = ("/.lock", "/bin/", "__pycache__/", "*.py[co]")

_EDITABLE = re.compile(r"-e\s+|--editable[\s=]\s*")


def fetch(
    lock: str,
    requirements: Requirements,
    target: Target,
    staging: Path,
    *,
    build_sdists: bool,
) -> list[File]:
    """Install what `lock` names into a folder under `staging`, and list its files.

    Every file that is downloaded must have one of its hashes in the lock; uv keeps the
    wheels in its cache. A local folder of sources has none, and is built where that is asked for.
    Raises what `uv` raises.
    """
    installed = staging / "dependencies"
    hashed, folders = _parted(lock, requirements)
    if folders and not build_sdists:
        raise _not_built(folders[0])
    wheels_only = [] if build_sdists else ["--only-binary=:all:"]
    _install(hashed, ["--require-hashes", *wheels_only], requirements, target, installed)
    if folders:
        _install("\n".join(folders), [], requirements, target, installed)
    return walk(installed, _LEFT_BEHIND, fetched=True)


def _parted(lock: str, requirements: Requirements) -> tuple[str, list[str]]:
    """Return a lock without the folders of sources that it names, and these; they have no hash.

    None is installed as editable: that would be a path on this machine.
    """
    lines = lock.splitlines()
    folders = [line for line in lines if _is_folder(line, requirements)]
    hashed = "\n".join(line for line in lines if line not in folders)
    return hashed, [_EDITABLE.sub("", line) for line in folders]


def _is_folder(line: str, requirements: Requirements) -> bool:
    package = None if line.startswith("#") else local_package(requirements.folder, line)
    return package is not None and package.is_dir()


def _install(
    pins: str, options: list[str], requirements: Requirements, target: Target, installed: Path
) -> None:
    file = installed.with_name("requirements.txt")
    file.write_text(f"{pins}\n", encoding="utf-8")
    uv(
        ["install", f"--requirement={file}", f"--target={installed}", "--no-deps", *options],
        target,
        requirements,
    )


def _not_built(folder: str) -> PackagingError:
    return PackagingError(
        f"{folder} in the requirements is a folder of sources, which has to be built",
        hint="build_sdists = true in cape.toml lets it be built here; or name a wheel of it"
        f" instead: uv build --wheel --out-dir wheels {folder}",
    )
