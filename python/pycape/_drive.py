"""Who performs what operations ask for, for the sync client; `_async_drive.py` is the other.

An operation that is not driven to its end, for a key that was pressed or a task that was cancelled,
is closed before whoever drove it goes on.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from . import errors
from ._effects import (
    Came,
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
    from ._transport import Connection, Transport

T = TypeVar("T")


def drive(
    operation: Operation[T],
    transport: Transport,
    timeout: Timeout,
    connection: Connection | None = None,
) -> T:
    """Run an operation to its end, performing what it asks for."""
    try:
        effect = next(operation)
        while True:
            effect = _go_on(operation, effect, transport, timeout, connection)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a generator's value is its T
    finally:
        operation.close()


def drive_stream(
    operation: Operation[object],
    transport: Transport,
    timeout: Timeout,
    connection: Connection,
) -> Generator[bytes, None, None]:
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
                    _end(operation, effect, transport, timeout, connection)
                    return
                effect = operation.send(None)
                continue
            effect = _go_on(operation, effect, transport, timeout, connection)
    except StopIteration:
        return
    finally:
        operation.close()


def _end(
    operation: Operation[object],
    effect: Effect,
    transport: Transport,
    timeout: Timeout,
    connection: Connection,
) -> None:
    """Run an operation that was given up to its end; what comes of it interests nobody."""
    with suppress(StopIteration, errors.CapeError):
        while True:
            effect = _go_on(operation, effect, transport, timeout, connection)


def _go_on(
    operation: Operation[T],
    effect: Effect,
    transport: Transport,
    timeout: Timeout,
    connection: Connection | None,
) -> Effect:
    """Perform what an operation asks for; what it asks for then."""
    try:
        result = _perform(effect, transport, timeout, connection)
    except errors.CapeError as error:
        return operation.throw(error)
    return operation.send(result)


def _perform(  # noqa: PLR0911 - one an effect
    effect: Effect, transport: Transport, timeout: Timeout, connection: Connection | None
) -> Any:
    match effect:  # what a small call does comes first
        case Send(message) if connection is not None:
            return connection.send(message, timeout.idle)
        case Receive(phase) if connection is not None:
            return connection.receive(getattr(timeout, phase), phase)
        case TakePending() if connection is not None:
            return connection.pending()
        case HttpRequest():
            return transport.request(effect, timeout.connect)
        case Sleep(seconds):
            return time.sleep(seconds)
        case ReadInput(stream, listening):
            # A thread that waits for a piece hears nothing; what is there already it takes before.
            came = connection.pending() if listening and connection is not None else None
            return stream.read() if came is None else Came(came)
        case Tell(receiver, text):
            return receiver(text)
    raise AssertionError(f"{effect!r} without a connection")
