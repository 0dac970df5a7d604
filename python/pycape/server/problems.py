"""Errors as answers: RFC 9457 problem details with our codes."""

import math
from collections.abc import Mapping, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from pycape.errors import (
    CapeError,
    Conflict,
    NotFound,
    Overloaded,
    PermissionDenied,
    ProtocolError,
    ServiceError,
    TimeoutExpired,
    TooLarge,
)

_STATUS: Mapping[type[CapeError], int] = {
    Conflict: 409,
    NotFound: 404,
    Overloaded: 503,
    PermissionDenied: 403,
    ProtocolError: 400,
    TimeoutExpired: 408,
    TooLarge: 413,
}


MEDIA_TYPE = "application/problem+json"
_HTTP_UNAUTHORIZED = 401


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every refusal. `name` is the class in `pycape.errors`, `details` its facts."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    name: str
    request_id: str
    hint: str | None = None
    details: dict[str, str] = {}


def problem_response(request: Request, error: CapeError, *, status: int | None = None) -> Response:
    """Answer a request that failed with `error`.

    The status is the given one, the error's own (`ServiceError.status`) or that of its class.
    """
    status = status or getattr(error, "status", None) or _STATUS.get(type(error), 500)
    return Response(
        problem_body(error, status, request.state.request_id),
        status_code=status,
        headers=_headers(status, error),
        media_type=MEDIA_TYPE,
    )


def problem_body(error: CapeError, status: int, request_id: str) -> bytes:
    """Write the JSON of a problem."""
    problem = Problem(
        type=error.docs_url,
        title=_title(error),
        status=status,
        detail=str(error),
        code=error.code,
        name=type(error).__name__,
        request_id=request_id,
        hint=error.hint,
        details=error.details,
    )
    return msgspec.json.encode(problem)


def refusals() -> Sequence[type[CapeError]]:
    """Return the classes that a problem may have."""
    return (*_STATUS, ServiceError)


def internal_error() -> ServiceError:
    """Return what a client is told of a defect here: where to find it in the log, no more."""
    return ServiceError("the control plane failed", hint="the operator's log has the request id")


def _headers(status: int, error: CapeError) -> dict[str, str]:
    headers = {}
    if status == _HTTP_UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Cape"
    if isinstance(error, Overloaded) and error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if isinstance(error, TimeoutExpired | TooLarge):
        headers["Connection"] = "close"  # what is left of the body will not be read
    return headers


def _title(error: CapeError) -> str:
    summary = (type(error).__doc__ or "").partition("\n")[0]
    return summary.rstrip(".")
