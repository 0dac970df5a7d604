"""What an enclave of the platform proves now, check by check, as `cape attest` judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from pycape.console.proof import prove
from pycape.console.views._request import pages_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


async def enclave(request: Request) -> Response:
    """Ask it for its proof."""
    pages = pages_of(request)
    return pages.page(request, "enclave.html", proof=await prove(pages))


ROUTES = [Route("/enclave", enclave)]
