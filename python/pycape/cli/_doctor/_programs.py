"""Programs beside Python, asked for their version."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from pycape.errors import ConfigError

_SECONDS = 20


def version_of(program: Path, environment: Mapping[str, str] | None = None) -> str:
    """Return the version that `PROGRAM --version` tells after the program's name.

    Raises:
        ConfigError: it does not run, does not answer, or tells something else.
    """
    try:
        done = subprocess.run(
            [program, "--version"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        raise ConfigError(f"{program} does not run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"{program} does not answer in {_SECONDS} s") from error
    name, _, rest = done.stdout.strip().partition(" ")
    if done.returncode != 0 or name != program.name or not rest:
        raise ConfigError(f"{program} does not tell its version (status {done.returncode})")
    return rest.split()[0]
