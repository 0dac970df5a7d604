"""What the command line itself finds wrong: with how it is used, with its files.

Everything else that goes wrong is an error of `pycape.errors`.
"""

# ruff: noqa: N818 - the names say what happened; `CommandError` says that they are errors
from __future__ import annotations

from typing import ClassVar

import click

__all__ = [
    "BadInput",
    "ChecksFailed",
    "Defect",
    "Interrupted",
    "NoInput",
    "NoMemory",
    "NoOutput",
    "NotProven",
    "UsageError",
]


class CommandError(click.ClickException):
    """What `cape` tells of itself: a message, a hint, and the status to exit with."""

    code: ClassVar[str]

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    @property
    def docs_url(self) -> str:
        """The page about this kind of error, as `CapeError.docs_url`."""
        return f"docs/errors/{self.code}.md"


class UsageError(CommandError):
    """The command line contradicts itself, lacks something, or says what is not known."""

    code = "CAPE-CLI-001"
    exit_code = 2


class NoInput(CommandError):
    """A file to read is missing, is a folder, or may not be read."""

    code = "CAPE-CLI-002"
    exit_code = 66


class BadInput(CommandError):
    """A file was read, and what is in it is not what belongs there."""

    code = "CAPE-CLI-003"
    exit_code = 65


class NoOutput(CommandError):
    """The result could not be written: no room, no such folder, or not allowed."""

    code = "CAPE-CLI-004"
    exit_code = 1


class Interrupted(CommandError):
    """Ctrl-C, a signal, or a question that was answered with no."""

    code = "CAPE-CLI-005"
    exit_code = 130


class Defect(CommandError):
    """An error that this program did not foresee: its own mistake."""

    code = "CAPE-CLI-006"
    exit_code = 1


class NotProven(CommandError):
    """The demonstration ran to its end, and something that it should show did not hold."""

    code = "CAPE-CLI-007"
    exit_code = 1


class NoMemory(CommandError):
    """Something has to be in memory as a whole, and there is no room for it."""

    code = "CAPE-CLI-008"
    exit_code = 1


class ChecksFailed(CommandError):
    """`cape doctor` looked at everything, and something is wrong."""

    code = "CAPE-CLI-009"
    exit_code = 1
