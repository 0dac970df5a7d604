"""Debian's tools, as this machine is set up: they resolve what packages need, and fetch them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from pycape.errors import ImageError
from pycape.images._lock import LockedPackage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PATIENCE_SECONDS = 600
_INSTALLED = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) .*\[(\S+)\]\)", re.MULTILINE)
_VERSIONS = re.compile(r"^ *\S+ \| (\S+) \|", re.MULTILINE)
_FIELD = re.compile(r"^(Package|Version|Architecture|SHA256|Size): (\S+)$", re.MULTILINE)

# Debian's names of what images are for.
DEBIAN_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


def resolve(
    wanted: Sequence[str], without: Sequence[str], architecture: str
) -> list[LockedPackage]:
    """Return the packages that these need on a machine that has none, but for those left out.

    Raises ImageError where apt does not find them, or finds nothing to leave out by that name.
    """
    options = (
        "Dir::State::status=/dev/null",  # where nothing is installed
        f"APT::Architecture={DEBIAN_ARCHITECTURE[architecture]}",
        "APT::Architectures::=",
        "APT::Install-Recommends=false",
        "APT::Install-Suggests=false",
    )
    said = _run(["apt-get", *_as_options(options), "--simulate", "install", *wanted])
    found = {name.partition(":")[0]: version for name, version, _ in _INSTALLED.findall(said)}
    if unneeded := sorted({*without} - found.keys()):
        raise ImageError(
            f"{', '.join(unneeded)}: nothing that is wanted needs what is to be left out",
            hint="take it out of `without`",
        )
    names = sorted(found.keys() - {*without})
    asked = [f"{name}={found[name]}" for name in names]
    records = _run(["apt-cache", *_as_options(options), "show", *asked])
    packages = {package.name: package for package in map(_package, records.strip().split("\n\n"))}
    return [packages[name] for name in names]


def fetch(package: LockedPackage, folder: Path) -> Path:
    """Fetch a package into an empty folder, and return its file: nobody has checked it.

    Raises ImageError where apt cannot; `details` has `newest` where it has other versions alone.
    """
    name = package.name
    if package.architecture != "all":
        name = f"{name}:{package.architecture}"
    versions = _VERSIONS.findall(_run(["apt-cache", "madison", name]))
    if versions and package.version not in versions:
        raise ImageError(
            f"apt has no {package.name} {package.version}: the newest that it has is {versions[0]}",
            hint=_UPDATE,
            details={"package": package.name, "locked": package.version, "newest": versions[0]},
        )
    name = f"{name}={package.version}"
    # apt would fetch as a user of its own, who cannot write there.
    _run(["apt-get", "-o", "APT::Sandbox::User=root", "--quiet", "download", name], folder)
    files = [*folder.iterdir()]
    if len(files) != 1:
        raise ImageError(f"apt fetched {len(files)} files for {name}", hint=_UPDATE)
    return files[0]


_UPDATE = (
    "`apt-get update` refreshes its lists; `cape image lock` takes the versions that it has now"
)


def _package(record: str) -> LockedPackage:
    fields = dict(_FIELD.findall(record))
    try:
        return LockedPackage(
            name=fields["Package"],
            version=fields["Version"],
            architecture=fields["Architecture"],
            sha256=fields["SHA256"],
            size=int(fields["Size"]),
        )
    except (KeyError, ValueError) as error:
        name = fields.get("Package", "a package")
        raise ImageError(f"apt's lists have no digest of {name}", hint=_UPDATE) from error


def _as_options(options: Sequence[str]) -> list[str]:
    return [word for option in options for word in ("-o", option)]


def _run(command: list[str], folder: Path | None = None) -> str:
    if shutil.which(command[0]) is None:
        raise ImageError(
            f"{command[0]} is not here, which knows Debian's packages",
            hint="build on Debian, or on what is made of it; --packages FOLDER has files of theirs",
        )
    try:
        run = subprocess.run(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ImageError(
            f"{command[0]} takes longer than {_PATIENCE_SECONDS} s", hint=_UPDATE
        ) from error
    if run.returncode != 0:
        said = [line for line in run.stderr.decode(errors="replace").splitlines() if line]
        told = [line.removeprefix("E: ") for line in said if line.startswith("E: ")] or said
        raise ImageError(f"{command[0]}: {'; '.join(told)[:500] or 'it failed'}", hint=_UPDATE)
    return run.stdout.decode(errors="replace")


def _environment() -> dict[str, str]:
    """Return this process's environment, in which apt speaks English."""
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
