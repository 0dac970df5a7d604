"""How a failure is told: a message, a hint, a status; or all of it as JSON."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycape import errors
from pycape._nearest import nearest
from pycape._strangers import harmless, one_line
from pycape._system_errors import reason, remedy
from pycape.cli._errors import (
    BadInput,
    CommandError,
    Defect,
    Interrupted,
    NoMemory,
    NoOutput,
    UsageError,
)

if TYPE_CHECKING:
    from pycape.cli._context import Context

# The statuses of sysexits.h, the most specific class first; 1 for what is not listed.
_STATUS: list[tuple[type[errors.CapeError], int]] = [
    (errors.ConfigError, 78),
    (errors.AttestationError, 77),
    (errors.PermissionDenied, 77),
    (errors.RecipientChanged, 77),
    (errors.UseForbidden, 77),
    (errors.CryptoError, 65),
    (errors.ImageError, 65),
    (errors.PackagingError, 65),
    (errors.TooLarge, 65),
    (errors.FunctionCorrupted, 65),
    (errors.ChecksumMismatch, 65),
    (errors.Overloaded, 75),
    (errors.TimeoutExpired, 75),
    (errors.ConnectFailed, 69),
    (errors.TransportError, 76),
]
_SIGNAL = 128

# How much like an option a wrong one is that probably meant it.
_LIKENESS = 0.75

# The first system's options, where commands have them no more.
_INSTEAD = {
    "--pcr": "the policy has the measurements: `cape config` shows it, CAPE_POLICY names another",
}


def report(error: BaseException, context: Context) -> int:
    """Tell a person or a program what failed, and return the status to exit with."""
    if isinstance(error, SystemExit):  # Click's answer to a pipe that closed
        error = BrokenPipeError()
    if isinstance(error, OSError) and error.filename is None:
        _give_up_stdout()
        context = replace(context, json=False)  # what is told there is lost
    try:
        return _report(error, context)
    except OSError:  # nobody takes what is told, either
        _give_up_stdout()
        return 1


def _report(error: BaseException, context: Context) -> int:
    if context.trouble is not None and context.trouble is not error:
        _tell_besides(context.trouble, context)
    match error:
        case click.exceptions.NoArgsIsHelpError() if not context.json:
            return _show_help(error)
        case BrokenPipeError():
            return _SIGNAL + signal.SIGPIPE
        case errors.FunctionError():
            return _tell_function_error(error, context)
        case errors.CapeError():
            return _tell(error, str(error), status_of(type(error)), context)
    told = _as_command_error(error, context)
    if isinstance(told, Defect) and context.verbose:
        import traceback  # noqa: PLC0415 - for defects only

        click.echo(harmless("".join(traceback.format_exception(error))), err=True, nl=False)
    return _tell(told, told.message, told.exit_code, context)


def _as_command_error(error: BaseException, context: Context) -> CommandError:
    """Give what is not an error of pycape's one of our own kinds."""
    match error:
        case CommandError():
            return error
        case KeyboardInterrupt() | click.Abort():
            return Interrupted("interrupted")
        case click.UsageError():
            return _as_usage_error(error)
        case OSError():
            return _as_no_output(error)
        case TypeError() | ValueError():
            from pycape._functions import NoReferenceError  # noqa: PLC0415 - for errors only

            kind = BadInput if isinstance(error, NoReferenceError) else UsageError
            noted = "; ".join(getattr(error, "__notes__", ()))
            return kind(str(error), hint=noted or _shows_how(context.command))
    return _unforeseen(error)


def _as_no_output(error: OSError) -> NoOutput:
    if error.filename is None:
        return NoOutput(
            f"stdout: {reason(error)}", hint="not all of it was written: look at where it leads"
        )
    return NoOutput(
        f"{error.filename}: {reason(error)}", hint=remedy(Path(str(error.filename)), error)
    )


def _shows_how(command: str) -> str:
    return f"`{command} --help` shows how"


def _as_usage_error(error: click.UsageError) -> UsageError:
    shows_how = _shows_how(error.ctx.command_path if error.ctx else "cape")
    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the help
        return UsageError("missing command", hint=shows_how)
    if not isinstance(error, click.NoSuchOption):
        return UsageError(_in_our_voice(error.format_message()), hint=shows_how)
    name = error.option_name
    meant = nearest(name, error.possibilities or (), likeness=_LIKENESS)
    hint = _INSTEAD.get(name) or (f"did you mean {meant}?" if meant else shows_how)
    return UsageError(f"no such option {name!r}", hint=hint)


def _unforeseen(error: BaseException) -> CommandError:
    if isinstance(error, MemoryError):
        return NoMemory("there is no memory for that", hint="what is smaller needs less of it")
    return Defect(
        f"a defect of cape itself: {type(error).__name__}: {error}",
        hint="-v shows where; please report it",
    )


def status_of(kind: type[errors.CapeError]) -> int:
    """Return the status to exit with for an error of this class."""
    return next((status for listed, status in _STATUS if issubclass(kind, listed)), 1)


def _tell_besides(trouble: CommandError, context: Context) -> None:
    """Tell what went wrong before that which the command ends with."""
    if context.json:
        context.found = {**(context.found or {}), "not_written": trouble.message}
    else:
        click.echo(f"cape: error: {harmless(trouble.message)}", err=True)


def _tell_function_error(error: errors.FunctionError, context: Context) -> int:
    traceback = error.traceback or ""
    if traceback and not _has_own_frames(traceback):
        error.hint = "the function's own code did not run: the message says what it takes"
    elif traceback and not context.for_programs:
        click.echo(harmless(traceback.rstrip()), err=True)
    return _tell(error, str(error), status_of(type(error)), context)


def _has_own_frames(traceback: str) -> bool:
    """Tell whether an exception passed code of the function, not only what Cape put around it."""
    return re.search(r'^ *File "(?!pycape/)', traceback, re.MULTILINE) is not None


def _tell(
    error: errors.CapeError | CommandError, message: str, status: int, context: Context
) -> int:
    if context.json:
        told: dict[str, Any] = {
            "code": error.code,
            "message": message,
            "hint": error.hint or None,
            "docs": error.docs_url,
            "type": getattr(error, "type", None),
            "traceback": getattr(error, "traceback", None),
            "details": _facts_besides(error),
        }
        click.echo(json.dumps({"ok": False, "data": context.found, "error": told}))
        return status
    click.echo(f"cape: error: {harmless(message)}", err=True)
    if context.verbose and isinstance(error, errors.CapeError):
        for name, value in _facts_besides(error).items():
            click.echo(f"  {one_line(name)}: {harmless(str(value))}", err=True)
        click.echo(f"  code: {error.code}; `cape explain {error.code}` says more", err=True)
    if error.hint:
        click.echo(f"\nhint: {harmless(error.hint)}", err=True)
    return status


def _facts_besides(error: errors.CapeError | CommandError) -> dict[str, str]:
    """Return the facts of an error, without those of a function's exception that are told apart."""
    if not isinstance(error, errors.CapeError):
        return {}
    apart = {"type", "traceback"} if isinstance(error, errors.FunctionError) else set()
    facts = {name: value for name, value in error.details.items() if name not in apart}
    request_id = getattr(error, "request_id", None)
    return facts if request_id is None else {"request_id": request_id, **facts}


def _show_help(error: click.exceptions.NoArgsIsHelpError) -> int:
    """`cape` alone asks for help; a group without a command lacks something."""
    alone = error.ctx.parent is None
    click.echo(error.format_message(), err=not alone)
    return 0 if alone else UsageError.exit_code


def _give_up_stdout() -> None:
    """Drop what stdout still holds: it cannot be written, and the exit shall not fail for it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_our_voice(message: str) -> str:
    """Return Click's message in lower case, without a full stop, and without its name of a kind."""
    message = message.rstrip(".").replace("not a valid integer range", "no number")
    return message[:1].lower() + message[1:]
