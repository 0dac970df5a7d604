"""Calls: made by a form, watched while they run, shown when they have ended."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pycape import Token
from pycape.console.calls import Call, Order
from pycape.console.forms import input_of, read_form
from pycape.console.output import shown_output
from pycape.console.views._request import pages_of
from pycape.console.views.functions import reference
from pycape.errors import NotFound

if TYPE_CHECKING:
    from starlette.requests import Request

    from pycape.console.pages import Pages

LATEST = 8  # on the overview

_SEE_OTHER = 303


async def calls(request: Request) -> Response:
    """List them, the latest first."""
    pages = pages_of(request)
    return pages.page(request, "calls.html", **lists(pages))


async def make(request: Request) -> Response:
    """Begin a call, and go to its page."""
    pages = pages_of(request)
    form = await read_form(request, pages.access)
    data = input_of(form)
    manifest = await pages.cape.manifest(reference(form.get("function", "")))
    order = Order(
        manifest,
        data,
        encrypted="encrypted" in form,
        shared="shared" in form,
        token=Token(form["token"]) if form.get("token") else None,
    )
    return RedirectResponse(f"/calls/{pages.calls.start(order).number}", _SEE_OTHER)


async def call(request: Request) -> Response:
    """Show one."""
    pages = pages_of(request)
    return pages.page(request, "call.html", **_shown(_named(request)))


async def stop(request: Request) -> Response:
    """Stop one that runs."""
    pages = pages_of(request)
    await read_form(request, pages.access)
    named = _named(request)
    pages.calls.stop(named.number)
    return RedirectResponse(f"/calls/{named.number}", _SEE_OTHER)


async def output(request: Request) -> Response:
    """Hand out what a function returned, to be saved: whatever it is, it is no page."""
    named = _named(request)
    if named.output is None:
        raise NotFound(f"call {named.number} has no output here")
    return Response(
        named.output,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="call-{named.number}.output"'},
    )


async def changes(request: Request) -> Response:
    """Send one call's picture for as long as it changes."""
    pages, named = pages_of(request), _named(request)
    return pages.streams.send(
        named.changes, partial(_picture, pages, named), lambda: named.has_ended
    )


async def changes_of_all(request: Request) -> Response:
    """Send the lists whenever a call begins, goes on or ends."""
    return _send_lists(pages_of(request), "_lists.html", None)


async def changes_of_latest(request: Request) -> Response:
    """Send what the overview has of them."""
    return _send_lists(pages_of(request), "_latest.html", LATEST)


def lists(pages: Pages, most: int | None = None) -> dict[str, Any]:
    """Return what pages list: calls made from them, and all that run here, if that is told."""
    runs = None if pages.runs is None else list(pages.runs)[:most]
    return {"calls": list(pages.calls)[:most], "runs": runs}


def _send_lists(pages: Pages, template: str, most: int | None) -> Response:
    return pages.streams.send(
        pages.calls.changes, lambda: pages.fragment(template, **lists(pages, most)), lambda: False
    )


def _named(request: Request) -> Call:
    return pages_of(request).calls.get(request.path_params["number"])


def _picture(pages: Pages, named: Call) -> str:
    return pages.fragment("_call.html", **_shown(named))


def _shown(named: Call) -> dict[str, Any]:
    return {
        "call": named,
        "output": None if named.output is None else shown_output(named.output),
    }


ROUTES = [
    Route("/calls", calls),
    Route("/calls", make, methods=["POST"]),
    Route("/calls/changes", changes_of_all),
    Route("/calls/latest/changes", changes_of_latest),
    Route("/calls/{number:int}", call),
    Route("/calls/{number:int}/changes", changes),
    Route("/calls/{number:int}/output", output),
    Route("/calls/{number:int}/stop", stop, methods=["POST"]),
]
