"""One run in the enclave of this machine's platform, whoever asked for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from pycape.console.views._request import pages_of
from pycape.errors import NotFound

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from pycape.local import Runs


async def run(request: Request) -> Response:
    """Show it."""
    return pages_of(request).page(request, "run.html", run=_runs(request).get(_number(request)))


async def changes(request: Request) -> Response:
    """Send its picture for as long as it changes."""
    pages, runs, number = pages_of(request), _runs(request), _number(request)
    runs.get(number)
    return pages.streams.send(
        pages.calls.changes,
        lambda: pages.fragment("_run.html", run=runs.get(number)),
        lambda: runs.get(number).has_ended,
    )


def _runs(request: Request) -> Runs:
    runs = pages_of(request).runs
    if runs is None:
        raise NotFound("what runs is told by the platform of `cape dev` only")
    return runs


def _number(request: Request) -> int:
    number: int = request.path_params["number"]
    return number


ROUTES = [Route("/runs/{number:int}", run), Route("/runs/{number:int}/changes", changes)]
