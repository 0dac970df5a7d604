"""What `function_context` gives: `with` opens the connection, and closes it.

`_async_function_context_manager.py` is the async client's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from ._function_context import FunctionContext
from ._one_with import WithOnly

if TYPE_CHECKING:
    from ._functions import FunctionRef
    from ._platform import Platform

# What the running thread or task has entered, innermost last: a call never goes to a connection
# that another one opened.
_entered: ContextVar[tuple[FunctionContext, ...]] = ContextVar("_entered", default=())


def entered(platform: Platform) -> FunctionContext | None:
    """Return the context that was entered last here, of a client of this platform."""
    found = [each for each in _entered.get() if each._client._platform is platform]
    return found[-1] if found else None


class ContextManager:
    """What both have in common: which function it is, and what is said where `with` is missing."""

    _with: ClassVar[str]

    def __init__(self, function: FunctionRef) -> None:
        self._function = function
        self._was_entered = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._function!r}>"

    if not TYPE_CHECKING:  # which would take it for a sign that there is any attribute

        def __getattr__(self, name: str) -> Any:
            if name[0] != "_" and hasattr(FunctionContext, name):
                raise TypeError(
                    f"no connection is open yet: `{self._with} client.function_context(...) as "
                    f"function:` opens one, and function.{name} is there"
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _enter(self) -> None:
        if self._was_entered:
            raise ValueError("this was entered before: call function_context again, for another")
        self._was_entered = True


class FunctionContextManager(WithOnly, ContextManager):
    """What `function_context` gives: `with` (`async with`) opens the connection, and closes it.

    It is for one block; `function_context` makes another for the next.
    """

    _with = "with"

    def __init__(self, function: FunctionRef, connect: Callable[[], FunctionContext]) -> None:
        super().__init__(function)
        self._connect = connect

    def __enter__(self) -> FunctionContext:
        self._enter()
        self._context = self._connect()
        _entered.set((*_entered.get(), self._context))
        return self._context

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _entered.set(tuple(each for each in _entered.get() if each is not self._context))
        self._context.close()
