"""The runtime's binary: whether it can be the first process, and what it wants of its kernel."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pycape._files import no_file, unreadable
from pycape._system_errors import reason
from pycape.errors import ConfigError, ImageError

# ELF-64: e_machine, and where program headers are.
_MACHINES = {"x86_64": 62, "aarch64": 183}
_PT_INTERP = 3
_HEADER = 64
_PATIENCE_SECONDS = 30


def check_runtime(path: Path, architecture: str) -> None:
    """See that a binary runs without any other file, as the first process does.

    Raises ConfigError where there is none, and ImageError where it does not.
    """
    try:
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
    try:
        run = subprocess.run(
            [path.absolute(), "command-line"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_SECONDS,
            check=True,
        )
        [line] = run.stdout.decode("ascii").splitlines()
    except OSError as error:
        raise _mute(path, reason(error)) from error
    except subprocess.TimeoutExpired as error:
        raise _mute(path, f"it takes longer than {_PATIENCE_SECONDS} s") from error
    except subprocess.CalledProcessError as error:
        raise _mute(path, f"it ended with {error.returncode}") from error
    except ValueError as error:
        raise _mute(path, "that is not one line of ASCII") from error
    return line


def _mute(path: Path, why: str) -> ImageError:
    return ImageError(
        f"`{path} command-line` does not say the kernel's command line: {why}",
        hint="build the image where its runtime runs, with a runtime of this release",
    )


def check_command_line(given: str | None, wanted: str) -> None:
    """Refuse a command line that the runtime would refuse when it starts.

    Raises ConfigError.
    """
    if given not in {None, wanted}:
        raise ConfigError(
            "command_line of the kernel is another than the runtime's, which would not start",
            hint="leave command_line out: the runtime says it",
        )
