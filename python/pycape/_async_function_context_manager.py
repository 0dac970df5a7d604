"""What `function_context` gives, of the async client. See `_function_context_manager.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING

from ._async_function_context import AsyncFunctionContext
from ._function_context_manager import ContextManager
from ._one_with import AsyncWithOnly

if TYPE_CHECKING:
    from ._functions import FunctionRef
    from ._platform import Platform

# What the running task has entered, innermost last.
_entered: ContextVar[tuple[AsyncFunctionContext, ...]] = ContextVar("_entered", default=())


def entered(platform: Platform) -> AsyncFunctionContext | None:
    """Return the context that was entered last here, of a client of this platform."""
    found = [each for each in _entered.get() if each._client._platform is platform]
    return found[-1] if found else None


class AsyncFunctionContextManager(AsyncWithOnly, ContextManager):
    """What `function_context` gives: `with` (`async with`) opens the connection, and closes it.

    It is for one block; `function_context` makes another for the next.
    """

    _with = "async with"

    def __init__(
        self, function: FunctionRef, connect: Callable[[], Awaitable[AsyncFunctionContext]]
    ) -> None:
        super().__init__(function)
        self._connect = connect

    async def __aenter__(self) -> AsyncFunctionContext:
        self._enter()
        self._context = await self._connect()
        _entered.set((*_entered.get(), self._context))
        return self._context

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _entered.set(tuple(each for each in _entered.get() if each is not self._context))
        await self._context.close()
