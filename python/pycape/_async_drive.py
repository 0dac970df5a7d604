"""Who performs what operations ask for, for the async client. See `_drive.py`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from . import errors
from ._effects import (
    Effect,
    Give,
    GivenUpError,
    HttpRequest,
    Operation,
    ReadInput,
    Receive,
    Send,
    Sleep,
    TakePending,
    Tell,
)

if TYPE_CHECKING:
    from ._timeout import Timeout
    from ._transport import AsyncConnection, AsyncTransport

T = TypeVar("T")


async def drive(
    operation: Operation[T],
    transport: AsyncTransport,
    timeout: Timeout,
    connection: AsyncConnection | None = None,
) -> T:
    """Run an operation to its end, performing what it asks for."""
    try:
        effect = next(operation)
        while True:
            go_on = await _performed(operation, effect, transport, timeout, connection)
            effect = go_on()
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a generator's value is its T
    finally:
        operation.close()


async def drive_stream(
    operation: Operation[object],
    transport: AsyncTransport,
    timeout: Timeout,
    connection: AsyncConnection,
) -> AsyncGenerator[bytes, None]:
    """Run an operation to its end, and yield what it gives as it comes.

    Who takes no more of it closes this: the operation then ends what it began.
    """
    try:
        effect = next(operation)
        while True:
            if isinstance(effect, Give):
                try:
                    yield effect.data
                except GeneratorExit:
                    effect = operation.throw(GivenUpError())
                    await _end(operation, effect, transport, timeout, connection)
                    return
                effect = operation.send(None)
                continue
            go_on = await _performed(operation, effect, transport, timeout, connection)
            effect = go_on()
    except StopIteration:
        return
    finally:
        operation.close()


async def _end(
    operation: Operation[object],
    effect: Effect,
    transport: AsyncTransport,
    timeout: Timeout,
    connection: AsyncConnection,
) -> None:
    """Run an operation that was given up to its end; what comes of it interests nobody."""
    with suppress(StopIteration, errors.CapeError):
        while True:
            go_on = await _performed(operation, effect, transport, timeout, connection)
            effect = go_on()


async def _performed(
    operation: Operation[T],
    effect: Effect,
    transport: AsyncTransport,
    timeout: Timeout,
    connection: AsyncConnection | None,
) -> Callable[[], Effect]:
    """Perform what an operation asks for; how it goes on, which may be its end.

    That is not for here: what ends a generator must not leave a coroutine.
    """
    try:
        result = await _perform_async(effect, transport, timeout, connection)
    except errors.CapeError as error:
        return partial(operation.throw, error)
    return partial(operation.send, result)


async def _perform_async(  # noqa: PLR0911 - one an effect
    effect: Effect,
    transport: AsyncTransport,
    timeout: Timeout,
    connection: AsyncConnection | None,
) -> Any:
    match effect:  # what a small call does comes first
        case Send(message) if connection is not None:
            return await connection.send(message, timeout.idle)
        case Receive(phase) if connection is not None:
            return await connection.receive(getattr(timeout, phase), phase)
        case TakePending() if connection is not None:
            return await connection.pending()
        case HttpRequest():
            return await transport.request(effect, timeout.connect)
        case Sleep(seconds):
            return await asyncio.sleep(seconds)
        case ReadInput(stream, listening):
            reader = stream.reader()
            if listening and connection is not None:
                return await reader.next_or_message(connection)
            return await reader.next()
        case Tell(receiver, text):
            told = receiver(text)
            return await told if inspect.isawaitable(told) else None
    raise AssertionError(f"{effect!r} without a connection")
