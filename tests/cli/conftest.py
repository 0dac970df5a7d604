"""The command line, run in this process: what it prints, where, and the status it ends with."""

import io
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from pycape._config import Config
from pycape.cli._main import run
from pycape.demo import echo_folder
from pycape.local import LocalPlatform

from . import schemas, told


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode()

    @property
    def line(self) -> str:
        """The one line that was printed."""
        [line] = self.text.splitlines()
        return line

    @property
    def json(self) -> dict:
        return json.loads(self.stdout)


MEMBERS_OF_ERROR = {"code", "message", "hint", "docs", "type", "traceback", "details"}


class CommandLine:
    """`cape`, as one user in a configuration folder of its own."""

    def __init__(self, config: Path, monkeypatch, capsysbinary) -> None:
        self.config = config
        self._monkeypatch = monkeypatch
        self._captured = capsysbinary

    def __call__(self, *arguments: object, stdin: bytes | io.BufferedReader = b"") -> Outcome:
        """Run a command, whatever comes of it."""
        stream = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
        self._captured.readouterr()
        with self._monkeypatch.context() as patch:
            patch.setenv("CAPE_CONFIG_DIR", str(self.config))
            patch.setattr(sys, "stdin", io.TextIOWrapper(stream))
            status = run([str(argument) for argument in arguments])
        stdout, stderr = self._captured.readouterr()
        outcome = Outcome(status, stdout, stderr.decode())
        if "--json" in arguments and stdout.startswith(b"{"):
            schemas.check([str(argument) for argument in arguments], outcome.json)
        return outcome

    def ok(self, *arguments: object, stdin: bytes | io.BufferedReader = b"") -> Outcome:
        """Run a command that has to succeed."""
        outcome = self(*arguments, stdin=stdin)
        assert outcome.status == 0, outcome.stderr
        return outcome

    def data(self, *arguments: object, stdin: bytes | io.BufferedReader = b"") -> dict:
        """Run it with `--json`, and return its data."""
        outcome = self.ok(*arguments, "--json", stdin=stdin)
        assert outcome.stderr == "", "with --json nothing is told besides"
        assert outcome.json.keys() == {"ok", "data", "error"}
        assert (outcome.json["ok"], outcome.json["error"]) == (True, None)
        return outcome.json["data"]

    def error(self, *arguments: object, stdin: bytes = b"") -> dict:
        """Run what has to fail, as text and with `--json`: both say the same; return the error.

        Its words are looked at (`told`).
        """
        shown = self(*arguments, stdin=stdin)
        outcome = self(*arguments, "--json", stdin=stdin)
        assert outcome.status == shown.status != 0
        assert outcome.json.keys() == {"ok", "data", "error"}
        error = outcome.json["error"]
        assert error.keys() == MEMBERS_OF_ERROR
        told.check_error(error)
        expected = f"cape: error: {error['message']}\n"
        if error["hint"]:
            expected += f"\nhint: {error['hint']}\n"
        assert shown.stderr.endswith(expected)
        assert outcome.json["ok"] is False
        return {**error, "status": outcome.status, "data": outcome.json["data"]}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch):
    """Nothing that is set where the tests run counts."""
    for name in ("POLICY", "PROFILE", "TOKEN", "URL", "ACCOUNT_KEY_FILE", "STRICT_ACCOUNTS"):
        monkeypatch.delenv(f"CAPE_{name}", raising=False)


@pytest.fixture(autouse=True)
def _logging_as_before():
    """The command line sets up logging for a process of its own."""
    loggers = [logging.getLogger(name) for name in ("pycape", "pycape.server", "httpx")]
    before = [([*logger.handlers], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers = handlers
        logger.setLevel(level)
        logger.propagate = propagate


@pytest.fixture
def stranger(tmp_path, monkeypatch, capsysbinary) -> CommandLine:
    """Somebody who has configured nothing."""
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path / "stranger", monkeypatch, capsysbinary)


@pytest.fixture
def cape(platform, stranger, tmp_path, monkeypatch, capsysbinary) -> CommandLine:
    """Somebody who has joined the platform, and has an account."""
    return joined(platform, CommandLine(tmp_path / "config", monkeypatch, capsysbinary))


@pytest.fixture
def bob(platform, stranger, tmp_path, monkeypatch, capsysbinary) -> CommandLine:
    """Somebody else."""
    return joined(platform, CommandLine(tmp_path / "bob", monkeypatch, capsysbinary))


@pytest.fixture
def careless(insecure_platform, stranger, tmp_path, monkeypatch, capsysbinary) -> CommandLine:
    """Somebody who has joined that platform."""
    user = CommandLine(tmp_path / "careless", monkeypatch, capsysbinary)
    return joined(insecure_platform, user)


@pytest.fixture
def echo(cape) -> dict:
    """A deployed function that returns its input, as `cape deploy --json` tells it."""
    return cape.data("deploy", echo_folder())


def joined(platform: LocalPlatform, user: CommandLine) -> CommandLine:
    Config(config_dir=user.config).install_profile(platform.profile, make_default=True)
    user.ok("accounts", "show")
    return user
