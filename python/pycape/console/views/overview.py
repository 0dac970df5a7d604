"""The first page: whether the enclave proves itself, what runs there, what was called last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from pycape._account_keys import newest_of_each
from pycape.console.proof import prove
from pycape.console.runtime_numbers import numbers_of
from pycape.console.views._request import pages_of
from pycape.console.views.calls import LATEST, lists

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def overview(request: Request) -> Response:
    """Show it."""
    pages = pages_of(request)
    proof, no_proof = await pages.attempt(prove(pages))
    manifests, no_functions = await pages.attempt(pages.cape.functions())
    numbers = None if pages.metrics_url is None else await numbers_of(pages.metrics_url())
    return pages.page(
        request,
        "overview.html",
        proof=proof,
        no_proof=no_proof,
        account=pages.cape.account_id,
        functions=newest_of_each(manifests or []),
        no_functions=no_functions,
        numbers=numbers,
        **lists(pages, LATEST),
    )


ROUTES = [Route("/", overview)]
