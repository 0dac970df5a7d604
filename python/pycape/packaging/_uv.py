"""Calling uv, for one enclave's target and one function's requirements."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pycape._warnings import warn
from pycape.errors import PackagingError
from pycape.packaging._words_of_uv import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pycape.packaging._requirements import Requirements
    from pycape.packaging._target import Target

    Hear = Callable[[str], None]

_CACHE_VARIABLE = "UV_CACHE_DIR"
_NO_CACHE = re.compile(
    r"Failed to initialize cache"
    r"|(?s:(?:cache|temporary file).*(?:Permission denied|Read-only file system))"
)


@dataclass(frozen=True)
class Answer:
    """What uv printed, and the status that it ended with."""

    status: int
    printed: str
    said: str


@dataclass(frozen=True)
class Uv:
    """`uv pip`, for `target` and with the indexes of `requirements`.

    `staging` is a folder of the caller's, for what uv has to find or to keep.
    """

    requirements: Requirements
    target: Target
    staging: Path

    def run(self, *arguments: str, text: str = "", hear: Hear | None = None) -> str:
        """Run it with `text` as its input, and return what it prints; `hear` is told each line.

        Raises NoWheelForPlatform, ConnectFailed where the index cannot be reached, or
        PackagingError; with uv's own words in the details.
        """
        answer = self.attempt(*arguments, text=text, hear=hear)
        if answer.status == 0:
            return answer.printed
        raise explained(answer.said, self)

    def attempt(self, *arguments: str, text: str = "", hear: Hear | None = None) -> Answer:
        """Run it, whatever comes of it.

        Where uv's own cache cannot be written it has another, as long as `staging` is there;
        unless the environment names it, which is for its user to mend.
        """
        cache = self.staging / "uv-cache"
        command = self._command(arguments)
        if cache.exists():
            return self._call([*command, f"--cache-dir={cache}"], text, hear)
        answer = self._call(command, text, hear)
        if not answer.status or _CACHE_VARIABLE in os.environ or not _NO_CACHE.search(answer.said):
            return answer
        cache.mkdir()
        warn(
            "uv cannot write its cache, so nothing that is fetched is kept for the next time:"
            f" {_CACHE_VARIABLE} names another folder for it",
            UserWarning,
        )
        return self._call([*command, f"--cache-dir={cache}"], text, hear)

    def _command(self, arguments: Sequence[str]) -> list[str]:
        """Return the command line.

        The interpreter is the one that runs this: uv asks it for nothing that `target` answers,
        and must not fetch another. The settings of uv in the function's folder are passed over:
        they could have packages built, which runs code of whoever wrote the folder.
        """
        settings = self.staging / "uv-settings"
        settings.mkdir(exist_ok=True)
        (settings / "uv.toml").touch()
        return [
            program(),
            "pip",
            *arguments,
            f"--python={sys.executable}",
            f"--python-version={self.target.python}",
            f"--python-platform={self.target.uv_platform}",
            f"--project={settings}",
            *self.requirements.index_options,
            "--no-python-downloads",
            "--color=never",
        ]

    def _call(self, command: Sequence[str], text: str, hear: Hear | None) -> Answer:
        """Run a command in the function's folder; it ends with this."""
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as stdin,
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as stdout,
        ):
            stdin.write(text)
            stdin.seek(0)
            said = []
            with subprocess.Popen(
                command,
                cwd=self.requirements.folder,
                env={**os.environ, "UV_NO_WRAP": "1"},
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
            ) as process:
                try:
                    for line in process.stderr or ():
                        said.append(line)
                        if hear is not None:
                            hear(line)
                except BaseException:
                    process.kill()
                    raise
            stdout.seek(0)
            return Answer(process.returncode, stdout.read(), "".join(said))


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
