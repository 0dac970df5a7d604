"""The control plane as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from pycape.errors import CapeError, NotFound, Overloaded, ProtocolError
from pycape.server import directory, functions, health, hosts, placements
from pycape.server.log import Logger, get_logger
from pycape.server.middleware import RateLimited, RequestLog
from pycape.server.openapi import openapi_operation
from pycape.server.problems import problem_response
from pycape.server.rate_limit import Rate, RateLimit
from pycape.server.services import Services

DEFAULT_RATE = Rate(per_second=100, burst=200)
DEFAULT_TOTAL = Rate(per_second=1000, burst=2000)
DEFAULT_HOST = Rate(per_second=2, burst=10)  # of one that reports every two seconds
_OPERATIONS = (
    *directory.OPERATIONS,
    *functions.OPERATIONS,
    *placements.OPERATIONS,
    *health.OPERATIONS,
    *hosts.OPERATIONS,
)
OPERATIONS = (*_OPERATIONS, openapi_operation(_OPERATIONS))
_HTTP_NOT_FOUND = 404

log: Logger = get_logger()


def create_app(
    services: Services,
    *,
    rate: Rate = DEFAULT_RATE,
    total: Rate = DEFAULT_TOTAL,
    host: Rate = DEFAULT_HOST,
) -> Starlette:
    """Make the application that serves these parts.

    `rate` limits each client address, `total` all of them together, `host` each host that reports.
    """
    metrics = services.metrics

    def host_of(scope: Scope) -> str | None:
        return hosts.reporting_host(services.placement, scope["path"], Headers(scope=scope))

    limited = Middleware(
        RateLimited,
        metrics,
        address=RateLimit(rate),
        total=RateLimit(total),
        host=RateLimit(host),
        host_of=host_of,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(functions.finish_deletions, services)
        yield

    app = Starlette(
        routes=[operation.route(services) for operation in OPERATIONS],
        middleware=[Middleware(RequestLog, metrics), limited],
        exception_handlers={
            CapeError: _refuse,
            HTTPException: _refuse_route,
            SQLAlchemyError: _records_failed,
        },
        lifespan=lifespan,
    )
    # An address that is not quite one of ours is none: no other is offered in its place.
    app.router.redirect_slashes = False
    return app


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
