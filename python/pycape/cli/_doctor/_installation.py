"""The interpreter, the package in it, and what packaging needs."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pycape
from pycape.cli._doctor._finding import Checks, Finding, attempted
from pycape.cli._doctor._programs import version_of

_OLDEST_PYTHON = (3, 11)
_REINSTALL = "install it anew: pip install --force-reinstall pycape"


def interpreter_checks() -> Checks:
    """Look at Python and at the package."""
    yield _interpreter()
    yield _wheel()


def packaging_checks() -> Checks:
    """Look for the tools that packing a function takes."""
    yield attempted("uv", _uv, fix="pip install --force-reinstall uv")
    yield _pip()


def _interpreter() -> Finding:
    running = platform.python_version()
    facts = {
        "version": running,
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()) or None,
        "virtual_environment": sys.prefix != sys.base_prefix,
    }
    says = f"{facts['implementation']} {running}, {facts['system']}, {facts['machine']}"
    if sys.version_info[:2] < _OLDEST_PYTHON or facts["implementation"] != "CPython":
        oldest = ".".join(map(str, _OLDEST_PYTHON))
        return Finding("interpreter", "failed", says, facts, f"use CPython {oldest} or newer")
    return Finding("interpreter", "ok", says, facts)


def _wheel() -> Finding:
    try:
        installed = version("pycape")
    except PackageNotFoundError:
        facts = {"version": pycape.__version__, "installed": None}
        says = f"pycape {pycape.__version__}, not installed: it runs from a folder"
        fix = "nothing, if you work on Cape itself; else pip install pycape"
        return Finding("wheel", "warning", says, facts, fix)
    facts = {"version": pycape.__version__, "installed": installed}
    if installed != pycape.__version__:
        says = f"pycape {pycape.__version__} runs, and {installed} is installed"
        return Finding("wheel", "failed", says, facts, _REINSTALL)
    missing = _missing_dependencies()
    if missing:
        says = f"pycape {installed}, and what it needs is missing: {', '.join(missing)}"
        return Finding("wheel", "failed", says, {**facts, "missing": missing}, _REINSTALL)
    return Finding("wheel", "ok", f"pycape {installed} with its core and all that it needs", facts)


def _missing_dependencies() -> list[str]:
    """Return the packages that are required, without extras, and are not there."""
    missing = []
    for requirement in requires("pycape") or []:
        if "extra ==" in requirement:
            continue
        name = requirement.split(";")[0].rstrip()
        for separator in "<>=!~[ ":
            name = name.partition(separator)[0]
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    return missing


def _uv() -> Finding:
    from pycape.packaging._uv import program  # noqa: PLC0415 - `cape --help` does without

    path = Path(program())
    found = version_of(path)
    return Finding("uv", "ok", f"version {found}", {"path": str(path), "version": found})


def _pip() -> Finding:
    if importlib.util.find_spec("pip") is not None or shutil.which("pip"):
        return Finding("pip", "ok", "there", {"installed": True})
    return Finding(
        "pip",
        "skipped",
        "not here, and nothing needs it: where a fix says pip, uv pip does the same",
        {"installed": False},
    )
