"""What happens to every request: a number, a line in the log, a limit on its rate.

Whatever the operations did not foresee ends here, as a problem that tells nothing of the inside.
"""

import time
import uuid
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pycape.errors import Overloaded
from pycape.server.log import Logger, get_logger
from pycape.server.metrics import UNKNOWN, Metrics
from pycape.server.problems import internal_error, problem_response
from pycape.server.rate_limit import RateLimit

REQUEST_ID = "X-Request-Id"
CROWDED = "crowded"  # in a request's state: it came over a connection beyond those that are served
_HTTP_TOO_MANY_REQUESTS = 429
_CROWDED_SECONDS = 1.0
_UNLIMITED = "/healthz"  # it costs nothing, and whoever restarts processes has to hear it
_OPERATORS = ("/metrics", "/readyz")  # needed most when too many requests come
_ALL = "all"  # the one bucket of the total

log: Logger = get_logger()


class RequestLog:
    """Numbers each request, tells the number in the answer, and writes one line about it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started, status = time.monotonic(), 0
        self._metrics.began()

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
            seconds = time.monotonic() - started
            self._metrics.ended(*_operation(scope), status, seconds)
            log.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                path=scope["path"],
                status=status,
                duration_ms=round(seconds * 1000, 1),
            )


def _operation(scope: Scope) -> tuple[str, str]:
    operation = scope["state"].get("operation")
    return (UNKNOWN, UNKNOWN) if operation is None else (operation.method, operation.path)


class RateLimited:
    """Refuses requests of an address that sends too many, and of all when they are too many.

    They are too many as well on connections beyond those that whoever listens serves (`CROWDED`).
    Hosts, which `host_of` knows by what they prove, have a limit each and share none of these: no
    flood of strangers keeps clients from being led to them.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        *,
        address: RateLimit,
        total: RateLimit,
        host: RateLimit,
        host_of: Callable[[Scope], str | None],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._address = address
        self._total = total
        self._host = host
        self._host_of = host_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await problem_response(Request(scope), refusal)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Overloaded | None:
        if scope["path"] == _UNLIMITED:
            return None
        host = self._host_of(scope)
        if host is None:
            return self._refusal_of_address(scope)
        wait = self._host.take(host)
        return self._too_many("host", "too many reports of this host", wait) if wait else None

    def _refusal_of_address(self, scope: Scope) -> Overloaded | None:
        address = scope["client"][0] if scope.get("client") else "unknown"
        if wait := self._address.take(address):
            return self._too_many("address", "too many requests from this address", wait)
        if scope["path"] in _OPERATORS:
            return None
        if scope["state"].get(CROWDED):
            self._metrics.limited("connections")
            return Overloaded("too many connections are open", retry_after=_CROWDED_SECONDS)
        if wait := self._total.take(_ALL):
            return self._too_many("all", "too many requests from everybody", wait)
        return None

    def _too_many(self, scope: str, message: str, wait: float) -> Overloaded:
        self._metrics.limited(scope)
        return Overloaded(message, status=_HTTP_TOO_MANY_REQUESTS, retry_after=wait)
