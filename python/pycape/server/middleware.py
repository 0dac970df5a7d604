"""What happens to every request: a number, a line in the log, a limit on its rate.

Whatever the operations did not foresee ends here, as a problem that tells nothing of the inside.
"""

import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pycape.errors import Overloaded
from pycape.server.log import get_logger
from pycape.server.problems import internal_error, problem_response
from pycape.server.rate_limit import RateLimit

REQUEST_ID = "X-Request-Id"
_HTTP_TOO_MANY_REQUESTS = 429
_UNLIMITED = "/healthz"  # it costs nothing, and whoever restarts processes has to hear it

log = get_logger()


class RequestLog:
    """Numbers each request, tells the number in the answer, and writes one line about it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.monotonic(), 0

        async def send_numbered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_numbered)
        except Exception:
            log.exception("request failed", request_id=request_id)
            if not status:
                response = problem_response(Request(scope), internal_error())
                await response(scope, receive, send_numbered)
        finally:
            log.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round((time.monotonic() - started) * 1000, 1),
            )


class RateLimited:
    """Refuses requests of an address that sends too many."""

    def __init__(self, app: ASGIApp, limit: RateLimit) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] == "http" and scope["path"] != _UNLIMITED:
            address = scope["client"][0] if scope.get("client") else "unknown"
            wait = self._limit.take(address)
            if wait:
                refusal = Overloaded(
                    "too many requests from this address",
                    status=_HTTP_TOO_MANY_REQUESTS,
                    retry_after=wait,
                )
                response = problem_response(Request(scope), refusal)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)
