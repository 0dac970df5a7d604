"""The values that a function yields, as they come, of both clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

if TYPE_CHECKING:
    from . import _core
    from ._async_function_context import AsyncFunctionContext
    from ._function_context import FunctionContext
    from ._output_stream import AsyncOutputStream, OutputStream
    from .serde._series import OutputReader

Member = TypeVar("Member")


class _Kept:
    """The output that values are read from; apart from their stream, which ends with its user."""

    output: OutputStream | AsyncOutputStream | None = None


class _Ended(Generic[Member]):
    """What is known of a call once all of its values were taken."""

    def __init__(self) -> None:
        self._kept = _Kept()

    def __repr__(self) -> str:
        state = "not at its end" if self.receipt is None else "at its end"
        return f"<{type(self).__name__} {state}>"

    @property
    def receipt(self) -> _core.VerifiedReceipt | None:
        """What the enclave signed about this call; None before the end of the values."""
        return None if self._kept.output is None else self._kept.output.receipt

    @property
    def usage(self) -> Mapping[str, Any] | None:
        """What the enclave measured of the call; None before the end of the values."""
        return None if self._kept.output is None else self._kept.output.usage


class ValueStream(_Ended[Member]):
    """Values, each authentic; that they are all, only the end tells.

    What is not taken waits at the function, which waits too. Close it, or use it in a `with` block:
    a call whose values are not taken to their end is then cancelled.
    """

    def __init__(
        self,
        connect: Callable[[], FunctionContext],
        call: Callable[[FunctionContext], OutputStream],
        reader: OutputReader,
    ) -> None:
        super().__init__()
        self._values: Generator[Member, None, None] = _values(connect, call, reader, self._kept)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Member:
        return next(self._values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Cancel the call unless it has ended, and close its connection."""
        self._values.close()


def _values(
    connect: Callable[[], FunctionContext],
    call: Callable[[FunctionContext], OutputStream],
    reader: OutputReader,
    kept: _Kept,
) -> Generator[Any, None, None]:
    with closing(connect()) as context, call(context) as output:
        kept.output = output
        for piece in output:
            yield from reader.add(piece)
        yield from reader.end()


class AsyncValueStream(_Ended[Member]):
    """Values, each authentic; that they are all, only the end tells.

    What is not taken waits at the function, which waits too. Close it, or use it in a `with` block:
    a call whose values are not taken to their end is then cancelled.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncFunctionContext]],
        call: Callable[[AsyncFunctionContext], AsyncOutputStream],
        reader: OutputReader,
    ) -> None:
        super().__init__()
        self._values: AsyncGenerator[Member, None] = _async_values(
            connect, call, reader, self._kept
        )

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Member:
        return await anext(self._values)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancel the call unless it has ended, and close its connection."""
        await self._values.aclose()


async def _async_values(
    connect: Callable[[], Awaitable[AsyncFunctionContext]],
    call: Callable[[AsyncFunctionContext], AsyncOutputStream],
    reader: OutputReader,
    kept: _Kept,
) -> AsyncGenerator[Any, None]:
    context = await connect()
    try:
        async with call(context) as output:
            kept.output = output
            async for piece in output:
                for value in reader.add(piece):
                    yield value
            for value in reader.end():
                yield value
    finally:
        await context.close()
