"""Who performs what operations ask for, for the async client. See `_drive.py`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from . import errors
from ._effects import Effect, HttpRequest, Operation, Receive, Send, Sleep, TakePending

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
            try:
                result = await _perform_async(effect, transport, timeout, connection)
            except errors.CapeError as error:
                effect = operation.throw(error)
            else:
                effect = operation.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a generator's value is its T
    finally:
        operation.close()


async def _perform_async(
    effect: Effect,
    transport: AsyncTransport,
    timeout: Timeout,
    connection: AsyncConnection | None,
) -> Any:
    match effect:
        case HttpRequest():
            return await transport.request(effect, timeout.connect)
        case Sleep(seconds):
            return await asyncio.sleep(seconds)
        case Send(message) if connection is not None:
            return await connection.send(message, timeout.idle)
        case Receive(phase) if connection is not None:
            return await connection.receive(getattr(timeout, phase), phase)
        case TakePending() if connection is not None:
            try:
                return await connection.receive(0, "idle")
            except errors.TimeoutExpired:
                return None
    raise AssertionError(f"{effect!r} without a connection")
