"""What all pages have: the client, its calls, who may see them, and how they are written."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, StreamingResponse

from pycape._clock import show_time
from pycape._strangers import harmless
from pycape.console.forms import FORM_TOKEN, MOST_INPUT
from pycape.console.phases import PHASES
from pycape.console.told import told
from pycape.errors import CapeError, Overloaded

if TYPE_CHECKING:
    from starlette.requests import Request

    from pycape import AsyncCape
    from pycape._config import Config
    from pycape.console.access import Access
    from pycape.console.calls import Calls
    from pycape.console.changes import Changes

T = TypeVar("T")

MOST_STREAMS = 16
_STEP_SECONDS = 0.1  # between two pictures of what changes quickly, at least
_TICK_SECONDS = 0.4  # and of what goes on without a change, at most


class Pages:
    """The state of one console.

    `metrics_url` tells where the enclave of a platform of this machine shows its numbers; None of
    any other platform.
    """

    def __init__(
        self,
        cape: AsyncCape,
        config: Config,
        calls: Calls,
        access: Access,
        metrics_url: Callable[[], str] | None,
    ) -> None:
        self.cape = cape
        self.config = config
        self.calls = calls
        self.access = access
        self.metrics_url = metrics_url
        self._streams = 0
        self._templates = Environment(
            loader=PackageLoader("pycape.console"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {
            "common_name": _common_name,
            "duration": _duration,
            "thousands": "{:,}".format,
            "time": show_time,
            "told": told,
        }
        self._templates.globals |= {
            "form_token_name": FORM_TOKEN,
            "most_input": MOST_INPUT,
            "phase_names": PHASES,
            "release": version("pycape"),
        }

    def page(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Write a whole page."""
        return HTMLResponse(self.fragment(template, path=request.url.path, **values), status)

    def error(self, request: Request, error: Exception) -> HTMLResponse:
        """Write the page of an error."""
        about = told(error)
        response = self.page(request, "error.html", status=about.status, about=about)
        if isinstance(error, Overloaded) and error.retry_after is not None:
            response.headers["Retry-After"] = f"{error.retry_after:.0f}"
        return response

    def fragment(self, template: str, **values: Any) -> str:
        """Write a page, or a part of one."""
        config = self.config
        return self._templates.get_template(template).render(
            profile=config.profile,
            platform_url=config.url.value,
            form_token=self.access.form_token,
            **values,
        )

    async def attempt(self, wanted: Awaitable[T]) -> tuple[T | None, CapeError | None]:
        """Wait for a part of a page, which is written without it where that goes wrong."""
        try:
            return await wanted, None
        except CapeError as error:
            return None, error

    def stream(
        self, changes: Changes, write: Callable[[], str], has_ended: Callable[[], bool]
    ) -> StreamingResponse:
        """Send a part of a page whenever it changes, until that has ended or the console does.

        It is also sent now and then while something runs, for its times. Spec: HTML, 9.2,
        server-sent events.

        Raises:
            Overloaded: too many are sent already.
        """
        if self._streams >= MOST_STREAMS:
            raise Overloaded(f"{MOST_STREAMS} pages are kept up to date", hint="close one")
        self._streams += 1
        return StreamingResponse(
            self._pictures(changes, write, has_ended), media_type="text/event-stream"
        )

    async def _pictures(
        self, changes: Changes, write: Callable[[], str], has_ended: Callable[[], bool]
    ) -> AsyncIterator[str]:
        try:
            while True:
                seen, over = changes.count, has_ended() or self.calls.is_closed
                yield _event("picture", write())
                if over:
                    yield _event("over", "")
                    return
                await asyncio.sleep(_STEP_SECONDS)
                await changes.after(seen, _TICK_SECONDS if self.calls.are_running else None)
        finally:
            self._streams -= 1


def _event(name: str, data: str) -> str:
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {name}\n{lines}\n"


def _shown(value: Any) -> Any:
    """Show what anybody may have written, without what would control the reader's screen."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return harmless(value)


def _common_name(subject: str) -> str:
    """Return what tells a certificate's subject from others."""
    found = re.search(r"CN=([^,]+)", subject)
    return subject if found is None else found[1]


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"
