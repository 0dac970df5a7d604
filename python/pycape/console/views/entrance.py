"""The address that is printed: it lets a browser in, and leads on to one without the key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pycape.console.access import ENTRANCE, THRESHOLD
from pycape.console.views._request import pages_of

if TYPE_CHECKING:
    from starlette.requests import Request

_SEE_OTHER = 303


async def enter(request: Request) -> Response:
    """Give the browser its cookie, and no page whose address has the key."""
    access = pages_of(request).access
    access.check_key(request.query_params.get("key", ""))
    response = RedirectResponse(THRESHOLD, _SEE_OTHER)
    response.set_cookie(access.cookie_name, access.cookie, httponly=True, samesite="strict")
    return response


async def entered(request: Request) -> Response:
    """Have the browser ask for the overview, as a request of these pages' own."""
    return pages_of(request).page(request, "entered.html")


ROUTES = [Route(ENTRANCE, enter), Route(THRESHOLD, entered)]
