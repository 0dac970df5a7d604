"""The dependencies themselves: the locked wheels, unpacked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycape.packaging._collect import walk
from pycape.packaging._uv import uv

if TYPE_CHECKING:
    from pathlib import Path

    from pycape.packaging._files import File
    from pycape.packaging._requirements import Requirements
    from pycape.packaging._target import Target

# What the installer leaves besides the wheels' content: its lock, and scripts that start
# with the path of an interpreter on this machine.
_LEFT_BEHIND = ("/.lock", "/bin/", "__pycache__/", "*.py[co]")


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
    wheels in its cache. Raises what `uv` raises.
    """
    installed = staging / "dependencies"
    pins = staging / "requirements.txt"
    pins.write_text(lock, encoding="utf-8")
    uv(
        [
            "install",
            f"--requirement={pins}",
            f"--target={installed}",
            "--require-hashes",
            "--no-deps",
            *([] if build_sdists else ["--only-binary=:all:"]),
        ],
        target,
        requirements,
    )
    return walk(installed, _LEFT_BEHIND, fetched=True)
