"""The application: its pages, and what every request has to pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from pycape.console.access import ENTRANCE, THRESHOLD
from pycape.console.views import ROUTES
from pycape.errors import CapeError, PermissionDenied

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pycape.console.pages import Pages

_STATIC = "/static"

# What is told by a page; the last is whatever nobody foresaw, which is logged as well.
_TOLD = (HTTPException, CapeError, TypeError, ValueError, Exception)

HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        )
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # With `no-referrer`, browsers would not tell where a form comes from (Fetch, 3.1, Origin).
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


def create_app(pages: Pages, on_start: Callable[[], None] = lambda: None) -> ASGIApp:
    """Return the application; `on_start` is called in its event loop."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        on_start()
        async with pages.cape:
            yield
            pages.calls.close()

    async def tell(request: Request, error: Exception) -> Response:
        return pages.error(request, error)

    app = Starlette(
        routes=[*ROUTES, Mount(_STATIC, StaticFiles(directory=Path(__file__).with_name("static")))],
        lifespan=lifespan,
        exception_handlers=dict.fromkeys(_TOLD, tell),
    )
    app.state.pages = pages
    return _Headers(_Guard(app, pages))


class _Guard:
    """Lets nobody in who has not shown the key, but where there is nothing to see."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            self._check(request)
        except PermissionDenied as error:
            await self._pages.error(request, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, request: Request) -> None:
        access, path = self._pages.access, request.url.path
        access.check_host(request.headers)
        if request.method not in {"GET", "HEAD"}:
            access.check_origin(request.headers)
        if path not in {ENTRANCE, THRESHOLD} and not path.startswith(f"{_STATIC}/"):
            access.check_cookie(request.cookies)


class _Headers:
    """Adds to every answer what makes browsers careful with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_carefully(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_carefully)
