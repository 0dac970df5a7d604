"""The control plane as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from pycape.errors import CapeError, NotFound, Overloaded, ProtocolError
from pycape.server import directory, functions, health, placements
from pycape.server.log import get_logger
from pycape.server.middleware import RateLimited, RequestLog
from pycape.server.problems import problem_response
from pycape.server.rate_limit import Rate, RateLimit
from pycape.server.services import Services

DEFAULT_RATE = Rate(per_second=100, burst=200)
OPERATIONS = (
    *directory.OPERATIONS,
    *functions.OPERATIONS,
    *placements.OPERATIONS,
    *health.OPERATIONS,
)
_HTTP_NOT_FOUND = 404

log = get_logger()


def create_app(services: Services, *, rate: Rate = DEFAULT_RATE) -> Starlette:
    """Make the application that serves these parts. `rate` limits each client address."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(functions.finish_deletions, services)
        yield

    return Starlette(
        routes=[operation.route(services) for operation in OPERATIONS],
        middleware=[Middleware(RequestLog), Middleware(RateLimited, limit=RateLimit(rate))],
        exception_handlers={
            CapeError: _refuse,
            HTTPException: _refuse_route,
            SQLAlchemyError: _records_failed,
        },
        lifespan=lifespan,
    )


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, CapeError)  # noqa: S101 Starlette calls this for nothing else
    return problem_response(request, error)


async def _refuse_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 as above
    if error.status_code == _HTTP_NOT_FOUND:
        return problem_response(request, NotFound("there is nothing at this path"))
    refusal = ProtocolError(f"{request.method} is not a method of this path")
    response = problem_response(request, refusal, status=error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _records_failed(request: Request, error: Exception) -> Response:
    log.error("records failed", request_id=request.state.request_id, error=type(error).__name__)
    return problem_response(
        request, Overloaded("the records do not answer at the moment", retry_after=1)
    )
