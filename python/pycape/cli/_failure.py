"""How a failure is told: a message, a hint, a status; or all of it as JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from pycape import errors

if TYPE_CHECKING:
    from pycape.cli._command import Context

# sysexits.h, and the shell's convention for signals.
_USAGE = 2
_STATUS: list[tuple[type[errors.CapeError], int]] = [
    (errors.ConfigError, 78),
    (errors.AttestationError, 77),
    (errors.PermissionDenied, 77),
    (errors.RecipientChanged, 77),
    (errors.UseForbidden, 77),
    (errors.CryptoError, 65),
    (errors.PackagingError, 65),
    (errors.TooLarge, 65),
    (errors.Overloaded, 75),
    (errors.TimeoutExpired, 75),
    (errors.ConnectFailed, 69),
    (errors.StreamTruncated, 76),
    (errors.TransportError, 76),
]
_NO_INPUT = 66
_UNAVAILABLE_FILE = 73


def report(error: BaseException, context: Context) -> int:
    """Tell a person or a program what failed, and return the status to exit with."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case KeyboardInterrupt() | click.Abort():
            click.echo(err=True)
            return 128 + signal.SIGINT
        case BrokenPipeError():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE
        case click.UsageError():
            usage = error.ctx.get_usage() if error.ctx else None
            command = error.ctx.command_path if error.ctx else "cape"
            message = _as_sentence_start(error.format_message())
            return _tell(context, "UsageError", message, f"`{command} --help`", _USAGE, usage=usage)
        case errors.FunctionError():
            return _tell_function_error(context, error)
        case errors.CapeError():
            return _tell(
                context, error.code, str(error), error.hint, _status(error), docs=error.docs_url
            )
        case click.FileError():
            return _tell(
                context, "FileError", f"{error.filename}: {error.message}", None, _NO_INPUT
            )
        case OSError():
            missing = isinstance(error, FileNotFoundError)
            status = _NO_INPUT if missing else _UNAVAILABLE_FILE
            where = f"{error.filename}: " if error.filename else ""
            reason = (error.strerror or str(error)).lower()
            return _tell(context, "FileError", where + reason, None, status)
        case TypeError() | ValueError():
            return _tell(context, "UsageError", str(error), None, _USAGE)
    raise error


def _status(error: errors.CapeError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 1)


def _tell_function_error(context: Context, error: errors.FunctionError) -> int:
    if error.traceback and not context.json:
        click.echo(error.traceback.rstrip(), err=True)
    kind = "" if error.type is None else f"{error.type}: "
    message = f"the function failed: {kind}{error}"
    return _tell(context, error.code, message, error.hint, 1, docs=error.docs_url)


def _tell(
    context: Context,
    code: str,
    message: str,
    hint: str | None,
    status: int,
    *,
    docs: str | None = None,
    usage: str | None = None,
) -> int:
    if context.json or "--json" in sys.argv[1:]:
        told: dict[str, Any] = {"code": code, "message": message, "hint": hint, "docs": docs}
        click.echo(json.dumps({"ok": False, "data": None, "error": told}))
        return status
    if usage:
        click.echo(usage, err=True)
    click.echo(f"cape: error: {message}", err=True)
    if hint:
        click.echo(f"\nhint: {hint}", err=True)
    return status


def _as_sentence_start(message: str) -> str:
    """Return Click's message in the voice of ours: lower case, no full stop."""
    message = message.rstrip(".")
    return message[:1].lower() + message[1:]
