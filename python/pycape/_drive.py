"""Who performs what operations ask for, for the sync client; `_async_drive.py` is the other.

An operation that is not driven to its end, for a key that was pressed or a task that was cancelled,
is closed before whoever drove it goes on.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

from . import errors
from ._effects import Effect, HttpRequest, Operation, Receive, Send, Sleep, TakePending

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
            try:
                result = _perform(effect, transport, timeout, connection)
            except errors.CapeError as error:
                effect = operation.throw(error)
            else:
                effect = operation.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]  # a generator's value is its T
    finally:
        operation.close()


def _perform(
    effect: Effect, transport: Transport, timeout: Timeout, connection: Connection | None
) -> Any:
    match effect:
        case HttpRequest():
            return transport.request(effect, timeout.connect)
        case Sleep(seconds):
            return time.sleep(seconds)
        case Send(message) if connection is not None:
            return connection.send(message, timeout.idle)
        case Receive(phase) if connection is not None:
            return connection.receive(getattr(timeout, phase), phase)
        case TakePending() if connection is not None:
            try:
                return connection.receive(0, "idle")
            except errors.TimeoutExpired:
                return None
    raise AssertionError(f"{effect!r} without a connection")
