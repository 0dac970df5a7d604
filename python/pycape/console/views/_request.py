"""What a request belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

    from pycape.console.pages import Pages


def pages_of(request: Request) -> Pages:
    """Return the console's state."""
    pages: Pages = request.app.state.pages
    return pages
