"""What all pages have: the client, its calls, who may see them, and how they are written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.responses import HTMLResponse

from pycape.console.streams import Streams
from pycape.console.told import Told, told
from pycape.console.writing import create_environment
from pycape.errors import CapeError, Overloaded

if TYPE_CHECKING:
    from starlette.requests import Request

    from pycape import AsyncCape
    from pycape.console.access import Access
    from pycape.console.calls import Calls
    from pycape.local import Runs

T = TypeVar("T")


class Pages:
    """The state of one console.

    `metrics_url` tells where the enclave of a platform of this machine shows its numbers; None of
    any other platform, and so is `runs`, what runs in that enclave.
    """

    def __init__(
        self,
        cape: AsyncCape,
        calls: Calls,
        access: Access,
        metrics_url: Callable[[], str] | None,
        runs: Runs | None,
    ) -> None:
        self.cape = cape
        self.calls = calls
        self.runs = runs
        self.streams: Streams = Streams(calls, runs)
        self.access = access
        self.metrics_url = metrics_url
        self._templates = create_environment()

    def page(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Write a whole page; to somebody who was not let in, it tells nothing of the platform."""
        is_let_in = self.access.has_let_in(request.cookies)
        text = self.fragment(template, path=request.url.path, is_let_in=is_let_in, **values)
        return HTMLResponse(text, status)

    def error(self, request: Request, error: Exception) -> HTMLResponse:
        """Write the page of an error."""
        about = told(error)
        response = self.page(request, "error.html", status=about.status, about=about)
        if isinstance(error, Overloaded) and error.retry_after is not None:
            response.headers["Retry-After"] = f"{error.retry_after:.0f}"
        return response

    def fragment(self, template: str, **values: Any) -> str:
        """Write a page, or a part of one."""
        config = self.cape._platform.config
        return self._templates.get_template(template).render(
            profile=config.profile,
            platform_url=config.url.value,
            form_token=self.access.form_token,
            **values,
        )

    async def attempt(self, wanted: Awaitable[T]) -> tuple[T | None, Told | None]:
        """Wait for a part of a page, which is written without it where that goes wrong."""
        try:
            return await wanted, None
        except CapeError as error:
            return None, told(error)
