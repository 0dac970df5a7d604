"""A kernel's configuration: a fragment that says what is on and off, and whether it came so.

Kconfig drops silently what it does not know or what lacks something else.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from .error import BuildError

_ON = re.compile(r'CONFIG_(\w+)=(y|-?\d+|0x[0-9a-f]+|"[^"]*")')
_OFF = re.compile(r"# CONFIG_(\w+) is not set")
_SYMBOL = re.compile(r"^\s*(?:menu)?config\s+(\w+)\s*$", re.MULTILINE)

Options = dict[str, str | None]
"""The value of each option, `None` where it is off."""


def read(path: Path) -> Options:
    """Return what a configuration says, by name without CONFIG_.

    Raises:
        BuildError: a line is neither an option nor a comment, or names an option again.
    """
    options: Options = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        on, off = _ON.fullmatch(line), _OFF.fullmatch(line)
        match = on or off
        if match is None:
            if line.strip() and (not line.startswith("#") or "CONFIG_" in line):
                raise BuildError(f"{path.name}, line {number}: not an option but {line}")
            continue
        name = match[1]
        if name in options:
            raise BuildError(f"{path.name}, line {number}: CONFIG_{name} is there already")
        options[name] = on[2] if on else None
    return options


def symbols(tree: Path) -> frozenset[str]:
    """Return the names of all options that a source tree has."""
    files = tree.rglob("Kconfig*")
    return frozenset(name for file in files for name in _SYMBOL.findall(file.read_text("utf-8")))


def check(fragment: Options, result: Options, known: Iterable[str]) -> None:
    """Compare a fragment with what came of it in a source tree that knows these options.

    allnoconfig switches mitigations off; a newer source may have more of them.

    Raises:
        BuildError: an option is unknown there, or has another value; with each of them.
    """
    names = frozenset(known)
    wrong = [f"CONFIG_{name} is unknown" for name in fragment if name not in names]
    for name, wanted in fragment.items():
        got = result.get(name)
        if name in names and got != wanted:
            wrong.append(f"CONFIG_{name} is {_shown(got)} instead of {_shown(wanted)}")
    wrong += [
        f"CONFIG_{name} is off, and the fragment does not say so"
        for name, got in result.items()
        if name.startswith("MITIGATION_") and got is None and name not in fragment
    ]
    if wrong:
        raise BuildError(
            "the fragment did not take effect: " + "; ".join(wrong),
            "Kconfig of the source says what an option depends on, and what selects it",
        )


def _shown(value: str | None) -> str:
    return "off" if value is None else value
