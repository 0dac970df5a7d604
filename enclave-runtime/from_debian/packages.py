"""Packages of Debian's that a build needs on the machine it runs on."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from . import commands
from .error import BuildError, say


def require(names: Sequence[str], *, install: bool) -> dict[str, str]:
    """Return the versions of packages, installed first if they may be and are not there.

    Raises:
        BuildError: it is no Debian for x86-64, or some are missing and cannot be installed.
    """
    if shutil.which("dpkg-query") is None:
        raise BuildError("this machine is no Debian", "build in a container of Debian 12")
    architecture = commands.ask(["dpkg", "--print-architecture"]).strip()
    if architecture != "amd64":
        raise BuildError(f"this machine is {architecture}", "build on one that is amd64")
    versions = _versions(names)
    missing = [name for name in names if name not in versions]
    if not missing:
        return versions
    command = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if not install:
        raise BuildError(
            f"not installed: {', '.join(missing)}", f"{command}, or build --install as root"
        )
    if os.geteuid() != 0:
        raise BuildError(f"not installed: {', '.join(missing)}", f"as root: {command}")
    say(f"installing {', '.join(missing)}")
    _install(missing)
    return _versions(names)


def _versions(names: Sequence[str]) -> dict[str, str]:
    form = "${db:Status-Status} ${Package} ${Version}\n"
    # Its status tells of names it has never heard of, which are missing like others.
    known = subprocess.run(
        ["dpkg-query", "--show", "--showformat", form, *names],
        env=commands.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    ).stdout
    fields = [line.split(" ") for line in known.splitlines()]
    return {name: version for status, name, version in fields if status == "installed"}


def _install(names: Sequence[str]) -> None:
    variables = commands.environment(DEBIAN_FRONTEND="noninteractive")
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *names]):
        done = subprocess.run(
            ["apt-get", "--quiet", *command], env=variables, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode != 0:
            raise BuildError(f"apt-get {command[0]} ended with status {done.returncode}")
