"""What went wrong, as a page tells it: what happened, its code, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.exceptions import HTTPException

from pycape import errors
from pycape.cli._errors import CommandError, Defect, UsageError

# The status of a page that tells of an error, the most specific class first; 502 for what else goes
# wrong between here and a platform.
_STATUS: list[tuple[type[errors.CapeError], int]] = [
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.TooLarge, 413),
    (errors.Overloaded, 503),
    (errors.PermissionDenied, 403),
    (errors.ConfigError, 500),
    (errors.CryptoError, 400),
]
_OTHER = 502


@dataclass(frozen=True)
class Told:
    """An error for a page. `traceback` is a function's own, `docs` a path in the repository."""

    message: str
    code: str
    hint: str | None
    docs: str
    status: int
    traceback: str | None = None


def told(error: Exception) -> Told:
    """Tell an error of any kind."""
    match error:
        case errors.FunctionError():
            return _told(error, _OTHER, error.traceback)
        case errors.CapeError():
            return _told(error, _status_of(error))
        case HTTPException(status_code=404):
            hint = "what there is, is named above"
            return _told(errors.NotFound("there is no such page", hint=hint), 404)
        case HTTPException():
            return _told(UsageError(error.detail.lower()), error.status_code)
        case ValueError() | TypeError():
            return _told(UsageError(str(error)), 400)
    defect = f"a defect of the console itself: {type(error).__name__}: {error}"
    return _told(Defect(defect, hint="please report it"), 500)


def _told(
    error: errors.CapeError | CommandError,
    status: int,
    traceback: str | None = None,
) -> Told:
    return Told(
        message=str(error),
        code=error.code,
        hint=error.hint,
        docs=error.docs_url,
        status=status,
        traceback=traceback,
    )


def _status_of(error: errors.CapeError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), _OTHER)
