"""Programs that builds start."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from .error import BuildError, interrupts_later

_SHOWN_LINES = 40
_OF_THE_CALLER = re.compile(r"HOME|PATH|TMPDIR|(https?|no)_proxy|SSL_CERT_(DIR|FILE)|PIP_\w+", re.I)


def environment(**extra: str) -> dict[str, str]:
    """Return what programs are started with: of the caller's environment only what finds things."""
    kept = {name: value for name, value in os.environ.items() if _OF_THE_CALLER.fullmatch(name)}
    return kept | {"LC_ALL": "C.UTF-8", "TZ": "UTC"} | extra


def run(
    command: Sequence[str | Path], log: Path, folder: Path, variables: Mapping[str, str]
) -> None:
    """Run a program in a folder to its end; what it prints is added to a log.

    Raises:
        BuildError: it could not be started, or ended with another status than 0, as the log does.
    """
    process = None
    with log.open("ab") as output:
        try:
            with interrupts_later():
                process = subprocess.Popen(
                    command,
                    cwd=folder,
                    env=environment(**variables),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            status = process.wait()
        except OSError as error:
            raise BuildError(f"{command[0]} cannot be started: {error}") from error
        except BaseException:
            if process is not None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            raise
    if status != 0:
        end = log.read_text("utf-8", "replace").splitlines()[-_SHOWN_LINES:]
        raise BuildError("\n".join([f"{command[0]} ended with status {status}:", *end]))


def unpack(archive: Path, folder: Path, log: Path) -> None:
    """Unpack a tar archive into a new folder, without the folder that all its files are in.

    Raises:
        BuildError: as by `run`.
    """
    folder.mkdir()
    run(["tar", "--extract", "--strip-components=1", f"--file={archive}"], log, folder, {})


def ask(command: Sequence[str | Path]) -> str:
    """Return what a program prints.

    Raises:
        BuildError: it could not be started, or ended with another status than 0; with what it said.
    """
    try:
        answer = subprocess.run(
            command,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be started: {error}") from error
    if answer.returncode != 0:
        raise BuildError(f"{' '.join(map(str, command[:2]))} failed: {answer.stderr.strip()}")
    return answer.stdout
