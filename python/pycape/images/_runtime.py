"""The runtime's binary: whether it can be the first process, and what it says of its image."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pycape._files import no_file, unreadable
from pycape._system_errors import reason
from pycape.errors import ConfigError, ImageError
from pycape.images._regular import check_regular

if TYPE_CHECKING:
    from pathlib import Path

# ELF-64: e_machine, and where program headers are.
_MACHINES = {"x86_64": 62, "aarch64": 183}
_PT_INTERP = 3
_HEADER = 64
_PATIENCE_SECONDS = 30
# sysexits.h: what the runtime ends with that refuses what it is given.
_EX_CONFIG = 78


def check_runtime(path: Path, architecture: str) -> None:
    """See that a binary runs without any other file, as the first process does.

    Raises ConfigError where there is none, and ImageError where it does not.
    """
    try:
        check_regular(path)
        with path.open("rb") as file:
            header = file.read(_HEADER)
            offset = int.from_bytes(header[32:40], "little")
            size, count = (int.from_bytes(header[at : at + 2], "little") for at in (54, 56))
            file.seek(min(offset, 1 << 20))
            programs = file.read(size * count)
    except FileNotFoundError:
        raise no_file("runtime", path) from None
    except OSError as error:
        raise unreadable(path, error) from error
    if header[:5] != b"\x7fELF\x02" or not size:
        raise ImageError(f"{path} is no program for 64-bit {architecture}", hint=_STATIC)
    machine = int.from_bytes(header[18:20], "little")
    if machine != _MACHINES[architecture]:
        other = {number: name for name, number in _MACHINES.items()}
        raise ImageError(
            f"{path} is a program for {other.get(machine, f'machine {machine} of ELF')}, and the"
            f" image is for {architecture}",
            hint=_STATIC,
        )
    kinds = [programs[at : at + 4] for at in range(0, len(programs), size)]
    if _PT_INTERP in (int.from_bytes(kind, "little") for kind in kinds):
        raise ImageError(
            f"{path} is linked dynamically, and beside the first process there are no libraries",
            hint=_STATIC,
        )


_STATIC = "the cape-enclave of its wheel is linked statically"


def command_line_of(path: Path) -> str:
    """Return the command line that a runtime compares the kernel's with: it is asked.

    Raises ImageError where it does not say.
    """
    question = ["command-line"]
    run = _ask(path, question)
    if run.returncode != 0:
        raise _mute(path, question, f"it ended with {run.returncode}")
    try:
        [line] = run.stdout.decode("ascii").splitlines()
    except ValueError as error:
        raise _mute(path, question, "that is not one line of ASCII") from error
    return line


def check_command_line(given: str | None, wanted: str) -> None:
    """Refuse a command line that the runtime would refuse when it starts.

    Raises ConfigError.
    """
    if given not in {None, wanted}:
        raise ConfigError(
            "command_line of the kernel is another than the runtime's, which would not start",
            hint="leave command_line out: the runtime says it",
        )


@dataclass(frozen=True)
class Needs:
    """What a runtime needs of the image's files, in absolute paths there.

    The folder `interpreters` has the one `python3.N`, and `loader` is what loads programs.
    """

    interpreters: str
    loader: str


def check_served(path: Path, settings: bytes, where: Path, vault_key: Path | None) -> Needs | None:
    """Ask a runtime whether it starts with these settings and this key, and what it needs then.

    `where` is the settings' file, for errors.

    Raises ConfigError where it refuses them, and ImageError where it does not say.
    """
    question, given = ["check-image", "--json", "--settings", "/dev/stdin"], str(where)
    if vault_key is not None:
        question += ["--insecure-vault-key", str(vault_key)]
        given = f"{where} with {vault_key}"
    return _needs(path, question, _ask(path, question, settings), given)


def check_program(path: Path, program: bytes) -> None:
    """Ask a runtime whether it starts this program.

    Raises ConfigError where it refuses it, and ImageError where it does not say.
    """
    question = ["check-image", "--json", "--program", "/dev/stdin"]
    _needs(path, question, _ask(path, question, program), "the container's program")


def _needs(
    path: Path, question: list[str], run: subprocess.CompletedProcess[bytes], given: str
) -> Needs | None:
    try:
        if run.returncode == _EX_CONFIG:
            error = json.loads(run.stderr)["error"]
            raise ConfigError(
                f"the runtime refuses {given}: {error['message']}",
                hint=error.get("hint") or "it would not start with them either",
            )
        if run.returncode == 0:
            needs: Any = json.loads(run.stdout)
            return Needs(**{name: str(value) for name, value in needs.items()}) if needs else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise _mute(path, question, "that is no answer") from error
    raise _mute(path, question, f"it ended with {run.returncode}")


def _ask(path: Path, question: list[str], said: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            [path.absolute(), *question],
            input=said,
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except OSError as error:
        raise _mute(path, question, reason(error)) from error
    except subprocess.TimeoutExpired as error:
        raise _mute(path, question, f"it takes longer than {_PATIENCE_SECONDS} s") from error


def _mute(path: Path, question: list[str], why: str) -> ImageError:
    return ImageError(
        f"`{path} {question[0]}` does not say what the image has to have: {why}",
        hint="build the image where its runtime runs, with a runtime of this release",
    )
