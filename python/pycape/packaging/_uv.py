"""Calling uv, and saying in our words what it answers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from pycape.errors import NoWheelForPlatform, PackagingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pycape.packaging._requirements import Requirements
    from pycape.packaging._target import Target

_VERSIONS_SHOWN = 3

_WITHOUT_WHEELS = (
    "if it is pure Python, build_sdists = true in cape.toml lets it be built here;"
    " if not, use another package"
)

_LOOSEN = "loosen one of these requirements: what is not pinned is chosen to fit"

_NO_WHEEL = re.compile(
    r"(?P<package>[A-Za-z0-9][A-Za-z0-9._-]*?)(?P<pin>==[^ ]*)?(?:[<>!~][^ ]*)?"
    r" has no (?:usable wheels|wheels with a matching)"
)
_NONE_HAS_WHEELS = re.compile(r"all versions of (\S+) have no (?:usable wheels|wheels with a)")
_CONTRADICTION = re.compile(r"your requirements are unsatisfiable")
_PREAMBLE = re.compile(
    r"^(?:Using .*?)?error: (?:No solution found when resolving dependencies cause: )?"
)

# What uv says, what is said of it, and the hint; in this order.
_PLAIN = (
    (
        re.compile(r"Hash mismatch for `([^`]+)`"),
        "{} is not the file that cape.lock names: its hash differs",
        "if the package was published anew, delete cape.lock; else do not trust it",
    ),
    (
        re.compile(r"Failed to initialize cache at `([^`]+)`"),
        "uv, which resolves dependencies, cannot keep its cache in {}",
        "UV_CACHE_DIR names another folder for it",
    ),
    (
        re.compile(r"Failed to fetch|error sending request|network was disabled"),
        "the package index cannot be reached",
        "check the network, and UV_DEFAULT_INDEX if a mirror is used",
    ),
    (
        re.compile(r"(\S+) was not found in (?:the package registry|the cache)"),
        "the package index has no {}",
        "look at its name: the index knows it by another, or not at all",
    ),
)


def uv(arguments: Sequence[str], target: Target, requirements: Requirements, text: str = "") -> str:
    """Run `uv pip` for `target`, with the indexes of `requirements`; return what it prints.

    `text` is its input.

    Raises NoWheelForPlatform, or PackagingError, with uv's own words in the details.
    """
    done = _run(arguments, target, requirements, text)
    if done.returncode == 0:
        return done.stdout
    raise _explained(" ".join(done.stderr.split()), target, requirements)


def _run(
    arguments: Sequence[str], target: Target, requirements: Requirements, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run uv in the function's folder, with `text` as its input.

    The interpreter is the one that runs this: uv asks it for nothing that `target` answers,
    and must not fetch another.
    """
    return subprocess.run(
        [
            program(),
            "pip",
            *arguments,
            f"--python={sys.executable}",
            f"--python-version={target.python}",
            f"--python-platform={target.uv_platform}",
            *requirements.index_options,
            "--no-python-downloads",
            "--no-progress",
            "--color=never",
        ],
        cwd=requirements.folder,
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def program() -> str:
    """Return where uv is; raises PackagingError when it is nowhere."""
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - found once it is needed

        return find_uv_bin()
    except (ImportError, FileNotFoundError):
        pass
    if found := shutil.which("uv"):
        return found
    raise PackagingError("uv is not installed", hint="pip install uv")


def _explained(said: str, target: Target, requirements: Requirements) -> PackagingError:
    details = {"uv": said}
    if match := _NO_WHEEL.search(said):
        return _no_wheel(match["package"], match["pin"] or "", target, requirements, details)
    if match := _NONE_HAS_WHEELS.search(said):
        return _no_wheel(match[1], "", target, requirements, details)
    for pattern, message, hint in _PLAIN:
        if match := pattern.search(said):
            return PackagingError(message.format(*match.groups()), hint=hint, details=details)
    return PackagingError(
        f"the dependencies cannot be resolved: {_PREAMBLE.sub('', said)}",
        hint=_LOOSEN if _CONTRADICTION.search(said) else None,
        details=details,
    )


def _no_wheel(
    package: str, pin: str, target: Target, requirements: Requirements, details: dict[str, str]
) -> NoWheelForPlatform:
    found = _versions_with_wheel(package, target, requirements)
    return NoWheelForPlatform(
        f"{package}{pin} has no wheel for Python {target.python} on {target.platform};"
        + (f" these versions have one: {', '.join(found)}" if found else " no version has one"),
        package=package,
        platform=target.platform,
        hint=f"require {package}=={found[0]}" if found else _WITHOUT_WHEELS,
        details={**details, "versions": ", ".join(found)} if found else details,
    )


def _versions_with_wheel(package: str, target: Target, requirements: Requirements) -> list[str]:
    """Find the newest versions of a package with a wheel for `target`, newest first."""
    found: list[str] = []
    while len(found) < _VERSIONS_SHOWN:
        wanted = f"{package}<{found[-1]}" if found else package
        flags = ["compile", "-", "--no-deps", "--only-binary=:all:", "--no-header", "--no-annotate"]
        done = _run(flags, target, requirements, wanted)
        version = re.search(r"==(\S+)", done.stdout)
        if done.returncode != 0 or not version:
            break
        found.append(version[1])
    return found
