"""What a function's folder says about the function: `cape.toml`, or `[tool.cape]`.

    name = "classify"             # its name in the directory
    handler = "app:cape_handler"  # module and function; or app.py's one typed function
    python = "3.11"               # refused by an enclave that has another
    isolation = "session"         # or "call", "function"
    memory_mib = 512
    timeout_s = 60
    min_epoch = 0                 # the oldest epoch of account keys that it opens
    revocation_max_age_s = 600    # run only with a revocation list that fresh

    requirements = "requirements.txt"  # or false: nothing is fetched
    slim = true                   # without the dependencies' tests and most of their metadata
    build_sdists = false          # true: dependencies without a wheel are built here

    [env]                         # public, so never a secret
    OMP_NUM_THREADS = "2"

Every key may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pycape._function_names import FUNCTION_NAME, FUNCTION_NAME_IN_WORDS
from pycape._nearest import nearest
from pycape.errors import ConfigError, FileRefused
from pycape.packaging._toml import PROJECT_NAME, SETTINGS_NAME, read_toml, table

if TYPE_CHECKING:
    from pathlib import Path

Isolation: TypeAlias = Literal["session", "call", "function"]

# The limits are those of a manifest (docs/spec/trust.md).
_MAX_MEMORY_MIB = 1 << 20
_MAX_TIMEOUT_S = 86_400
_MAX_MIN_EPOCH = 2**32 - 16
_MAX_REVOCATION_AGE_S = 7_776_000
_MAX_VARIABLES = 64
_MAX_ENVIRONMENT = 16 << 10


@dataclass(frozen=True)
class FunctionSettings:
    """A function's settings, checked. Those up to `env` become part of its manifest.

    `requirements` is a file in the folder; False means that nothing is fetched, None that
    the folder decides: requirements.txt if there is one, else the project's dependencies.
    """

    name: str | None = None
    handler: str = "app:cape_handler"
    python: str | None = None
    isolation: Isolation = "session"
    memory_mib: int = 512
    timeout_s: int = 60
    min_epoch: int = 0
    revocation_max_age_s: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    requirements: str | Literal[False] | None = None
    slim: bool = True
    build_sdists: bool = False

    def check_python(self, python: str) -> None:
        """Refuse an enclave whose Python is not the one that the function names.

        Raises:
            ConfigError: it is not.
        """
        if self.python not in (None, python):
            raise ConfigError(
                f"the function wants Python {self.python}; the enclave has {python}",
                hint=f'set python = "{python}" in {SETTINGS_NAME}, or choose another platform',
            )

    def check_builds_nothing(self) -> None:
        """Refuse to run code of whoever wrote the settings.

        Raises:
            FileRefused: they have dependencies built.
        """
        if self.build_sdists:
            raise FileRefused(
                "build_sdists is true in the settings: to pack this folder runs code of its "
                "dependencies on this machine",
                hint="where you trust it, --build-sdists (in Python build_sdists=True) packs it",
            )


def load_settings(folder: Path) -> FunctionSettings:
    """Read the settings of the function in `folder`; the defaults where it has none.

    Raises ConfigError, which names the file, the key and what is allowed.
    """
    own = read_toml(folder / SETTINGS_NAME)
    project = table(read_toml(folder / PROJECT_NAME), "tool", "cape")
    if own is not None and project is not None:
        raise ConfigError(
            f"{SETTINGS_NAME} and [tool.cape] in {PROJECT_NAME} both have settings",
            hint="keep them in one place",
        )
    if project is not None:
        return _parsed(project, f"{PROJECT_NAME}, [tool.cape]")
    return _parsed(own or {}, SETTINGS_NAME)


def _parsed(given: dict[str, Any], place: str) -> FunctionSettings:
    known = [each.name for each in fields(FunctionSettings)]
    values = {}
    for key, value in given.items():
        if key not in known:
            close = nearest(key, known)
            raise ConfigError(
                f"{place}: there is no setting {key!r}; allowed: {', '.join(known)}",
                hint=f"did you mean {close}?" if close else f"leave it out of {place}",
            )
        try:
            values[key] = _PARSERS[key](value)
        except _NotAllowed as allowed:
            raise ConfigError(
                f"{place}: {key} is {value!r}; allowed: {allowed}",
                hint=f"without {key}, what is usual holds",
            ) from None
    return FunctionSettings(**values)


_IDENTIFIER = r"[A-Za-z_][A-Za-z0-9_]*"


class _NotAllowed(Exception):  # noqa: N818 - a message on its way to ConfigError
    """Says what is."""


_Parser: TypeAlias = Callable[[object], Any]


def _text(pattern: str, allowed: str) -> _Parser:
    def parse(value: object) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise _NotAllowed(allowed)

    return parse


def _one_of(*choices: str) -> _Parser:
    return _text("|".join(choices), " or ".join(f'"{choice}"' for choice in choices))


def _whole_number(low: int, high: int) -> _Parser:
    def parse(value: object) -> int:
        if type(value) is int and low <= value <= high:
            return value
        raise _NotAllowed(f"a whole number from {low:,} to {high:,}")

    return parse


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _NotAllowed("true or false")


def _environment(value: object) -> dict[str, str]:
    allowed = (
        f"a table of at most {_MAX_VARIABLES} texts, {_MAX_ENVIRONMENT // 1024} KiB in all,"
        " with names of letters, digits and _"
    )
    if not isinstance(value, dict) or len(value) > _MAX_VARIABLES:
        raise _NotAllowed(allowed)
    for name, text in value.items():
        if not re.fullmatch(_IDENTIFIER, name) or not isinstance(text, str) or "\0" in text:
            raise _NotAllowed(allowed)
    if sum(len((name + text).encode()) for name, text in value.items()) > _MAX_ENVIRONMENT:
        raise _NotAllowed(allowed)
    return dict(sorted(value.items()))


def _requirements(value: object) -> str | Literal[False]:
    if value is False:
        return False
    allowed = 'the name of a file in the folder, like "requirements.txt", or false'
    name = str(_text(r"[^\0\\]+", allowed)(value))
    if name.startswith(("/", "-")) or ".." in name.split("/"):
        raise _NotAllowed(allowed)
    return name


_PARSERS: dict[str, _Parser] = {
    "name": _text(FUNCTION_NAME, FUNCTION_NAME_IN_WORDS),
    "handler": _text(
        rf"(?=.{{1,128}}$){_IDENTIFIER}(?:\.{_IDENTIFIER})*:{_IDENTIFIER}",
        'like "app:cape_handler", at most 128 characters',
    ),
    "python": _text(r"3\.(?:0|[1-9]\d{0,2})", 'a version like "3.11"'),
    "isolation": _one_of("session", "call", "function"),
    "memory_mib": _whole_number(1, _MAX_MEMORY_MIB),
    "timeout_s": _whole_number(1, _MAX_TIMEOUT_S),
    "min_epoch": _whole_number(0, _MAX_MIN_EPOCH),
    "revocation_max_age_s": _whole_number(1, _MAX_REVOCATION_AGE_S),
    "env": _environment,
    "requirements": _requirements,
    "slim": _boolean,
    "build_sdists": _boolean,
}
