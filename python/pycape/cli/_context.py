"""What the shared options said, and where results go: to stdout; everything else to stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from pycape._strangers import harmless
from pycape.cli._errors import CommandError, NoOutput, UsageError
from pycape.cli._files import write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pycape import Cape
    from pycape._config import Config
    from pycape.policy import Policy


@dataclass
class Context:
    """One run of the command line.

    `command` is what runs, as in "cape token create". `json` asks for one object of the form {ok,
    data, error}, `bare` (`-o json`) for the data alone; `yes` says not to ask. `found` is what a
    command that fails still has to tell, with `json`; `trouble` is what went wrong beside the
    result, and is told after it.
    """

    json: bool = False
    bare: bool = False
    quiet: bool = False
    verbose: bool = False
    yes: bool = False
    command: str = "cape"
    profile: str | None = None
    url: str | None = None
    found: Mapping[str, Any] | None = None
    trouble: CommandError | None = None

    def client(self, policy: Policy | None = None) -> Cape:
        """Return a client with the options of the line."""
        from pycape import Cape  # noqa: PLC0415 - `cape --help` does without

        return Cape(self.url, self.verbose, profile=self.profile, policy=policy)

    def config(self) -> Config:
        """Return the settings with the options of the line."""
        from pycape._config import Config  # noqa: PLC0415 - `cape --help` does without

        return Config(url=self.url, profile=self.profile)

    @property
    def for_programs(self) -> bool:
        """Whether a program reads the result, so that nothing else belongs on stdout."""
        return self.json or self.bare

    def note(self, text: str) -> None:
        """Tell a person something beside the result."""
        if not (self.quiet or self.for_programs):
            click.echo(harmless(text), err=True)

    def attempt(self, write: Callable[[], None]) -> None:
        """Write a file beside the result, which is given even if that fails; then so does all."""
        try:
            write()
        except NoOutput as error:
            self.trouble = self.trouble or error

    def result(self, data: Mapping[str, Any], text: str, identifier: str | None = None) -> None:
        """Give the command's result: as JSON, as identifiers only (-q), or as text.

        `identifier` has one a line, and is empty where there is none.

        What others wrote in it controls no terminal; JSON escapes it.
        """
        if self.json and self.trouble is not None:
            self.found = data
        elif self.json:
            click.echo(json.dumps({"ok": True, "data": data, "error": None}))
        elif self.bare:
            click.echo(json.dumps(data))
        elif self.quiet and identifier is not None:
            click.echo(harmless(identifier), nl=identifier != "")
        else:
            click.echo(harmless(text))

    def octets(self, octets: bytes, output: str | None, data: Mapping[str, Any]) -> None:
        """Give a result that is bytes: to the file `output`, to stdout, or as `data` in JSON.

        What is not text does not go to a terminal, unless `output` is "-".
        """
        if output not in {None, "-"}:
            self.found = data
            write_file(str(output), octets)
            self.wrote(str(output), data)
        elif self.for_programs:
            self.result(data, "")
        else:
            self._to_stdout(octets, forced=output == "-")

    def wrote(self, file: str, data: Mapping[str, Any]) -> None:
        """Tell of a file that holds the result."""
        self.note(f"wrote {file}")
        if self.for_programs:
            self.result({**data, "file": file}, "")
        elif self.quiet:
            click.echo(file)  # as the user calls it, whatever is in it

    def _to_stdout(self, octets: bytes, *, forced: bool) -> None:
        terminal = sys.stdout.isatty()
        if terminal and not forced and not _is_printable(octets):
            raise UsageError(
                f"the result is {len(octets)} bytes that are not text, and stdout is a terminal",
                hint="-o FILE writes them to a file, -o - to the terminal all the same",
            )
        sys.stdout.flush()
        sys.stdout.buffer.write(octets)
        if terminal and not forced and not octets.endswith(b"\n"):
            sys.stdout.buffer.write(b"\n")


def _is_printable(octets: bytes) -> bool:
    try:
        text = octets.decode()
    except UnicodeDecodeError:
        return False
    return harmless(text) == text
