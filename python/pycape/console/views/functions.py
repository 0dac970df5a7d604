"""The functions of the account, and one function with the form to call it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pycape import FunctionRef
from pycape.console.views._request import pages_of

if TYPE_CHECKING:
    from starlette.requests import Request

_SEE_OTHER = 303


async def functions(request: Request) -> Response:
    """List them, each with all its versions, the newest first."""
    pages = pages_of(request)
    manifests = await pages.cape.functions()
    manifests.sort(key=lambda each: (each.name, -each.version))
    return pages.page(request, "functions.html", manifests=manifests, account=pages.cape.account_id)


async def find(request: Request) -> Response:
    """Go to a function of whomever, by its id or `user/name`."""
    name = request.query_params.get("name", "").strip()
    manifest = await pages_of(request).cape.manifest(reference(name))
    return RedirectResponse(f"/functions/{manifest.function_id}", _SEE_OTHER)


async def function(request: Request) -> Response:
    """Show one as its owner signed it."""
    pages = pages_of(request)
    manifest = await pages.cape.manifest(reference(request.path_params["id"]))
    calls = [each for each in pages.calls if each.manifest.checksum == manifest.checksum]
    return pages.page(
        request,
        "function.html",
        manifest=manifest,
        is_own=manifest.account == pages.cape.account_id,
        calls=calls,
    )


def reference(name: str) -> FunctionRef:
    """Make a reference of an id or `user/name`; a page names no file of this machine.

    Raises:
        ValueError: it is neither.
    """
    return FunctionRef(name=name) if "/" in name else FunctionRef(name)


ROUTES = [
    Route("/functions", functions),
    Route("/functions/find", find),
    Route("/functions/{id}", function),
]
