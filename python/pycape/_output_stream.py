"""The output of a call as it comes, of both clients."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from . import _core
    from ._effects import Operation
    from ._readings import RunAnswer


class _Kept:
    """The answer of a call; apart from its stream, which ends with the last who uses it."""

    answer: RunAnswer | None = None

    def answer_of(self, operation: Operation[RunAnswer]) -> Operation[None]:
        self.answer = yield from operation


class _Ended:
    """What is known of a call once all of its output was taken."""

    def __init__(self) -> None:
        self._kept = _Kept()

    def __repr__(self) -> str:
        state = "not at its end" if self.receipt is None else "at its end"
        return f"<{type(self).__name__} {state}>"

    @property
    def receipt(self) -> _core.VerifiedReceipt | None:
        """What the enclave signed about this call; None before the end of the output."""
        return None if self._kept.answer is None else self._kept.answer.receipt

    @property
    def usage(self) -> Mapping[str, Any] | None:
        """What the enclave measured of the call; None before the end of the output."""
        return None if self._kept.answer is None else self._kept.answer.usage


class OutputStream(_Ended):
    """The pieces of a call's output, each authentic; that they are all of it, only the end tells.

    A piece is there when it has come. What is not taken waits at the function, which waits too.
    Close it, or use it in a block of `with` (`async with`): a call whose output is not taken to its
    end is then cancelled.
    """

    def __init__(
        self,
        operation: Operation[RunAnswer],
        pieces: Callable[[Operation[None]], Generator[bytes, None, None]],
    ) -> None:
        super().__init__()
        self._pieces = pieces(self._kept.answer_of(operation))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

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
        """Cancel the call unless it has ended; the connection is there for the next."""
        self._pieces.close()


class AsyncOutputStream(_Ended):
    """The pieces of a call's output, each authentic; that they are all of it, only the end tells.

    A piece is there when it has come. What is not taken waits at the function, which waits too.
    Close it, or use it in a block of `with` (`async with`): a call whose output is not taken to its
    end is then cancelled.
    """

    def __init__(
        self,
        operation: Operation[RunAnswer],
        pieces: Callable[[Operation[None]], AsyncGenerator[bytes, None]],
    ) -> None:
        super().__init__()
        self._pieces = pieces(self._kept.answer_of(operation))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

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
        """Cancel the call unless it has ended; the connection is there for the next."""
        await self._pieces.aclose()
