"""A WebSocket for the async client: what its event loop reads is put together where it comes.

The asyncio connections of `websockets` serve many tasks at once, and a call passes several of
their locks, queues and timers; here one task sends and receives, and one timer does for all.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from websockets.client import ClientProtocol

from ._websocket_messages import PING_AFTER, Messages

if TYPE_CHECKING:
    import socket


class AsyncWebSocket(asyncio.Protocol):
    """An open WebSocket. One task at a time sends or receives; any may close it.

    It is what `websockets.asyncio.client.connect` makes of the transport that it has connected, in
    the place of a connection of its own.
    """

    transport: asyncio.Transport

    def __init__(
        self, protocol: ClientProtocol, *, close_timeout: float, **_of_others: object
    ) -> None:
        self._messages = Messages(protocol)
        self._close_timeout = close_timeout
        self._loop = asyncio.get_running_loop()
        self._lost = self._loop.create_future()
        # Whoever waits for something to come, or for room to write; set when it is worth a look.
        self._waiting: asyncio.Future[bool] | None = None
        self._deadline: float | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self._full = False
        self._reads = True
        self._poll: select.poll | None = None

    # For asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        sock: socket.socket | None = transport.get_extra_info("socket")
        if sock is not None:
            self._poll = select.poll()
            self._poll.register(sock, select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Take in what has come."""
        self._messages.received(data)
        self._write(self._messages.to_write())
        if self._messages.is_full and self._reads:
            self._reads = False
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Take in that nothing more will come; the transport closes itself."""
        self._messages.received(b"")
        self._write(self._messages.to_write())
        self._wake()

    def connection_lost(self, _error: Exception | None) -> None:
        """End."""
        self._messages.received(b"")
        if self._alarm is not None:
            self._alarm.cancel()
        if not self._lost.done():
            self._lost.set_result(None)
        self._full = False
        self._wake()

    def pause_writing(self) -> None:
        """Take note that too much waits to be written."""
        self._full = True

    def resume_writing(self) -> None:
        """Take note that there is room again."""
        self._full = False
        self._wake()

    # For websockets

    async def handshake(self, *_arguments: object) -> None:
        """Make the opening handshake."""
        self._messages.greet()
        self._write(self._messages.to_write())
        while not self._messages.is_greeted():
            await self._wait(None)

    def start_keepalive(self) -> None:
        """Ask for signs of life from now on."""
        self._set_alarm(self._messages.quiet_at)

    # For the client

    async def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message.

        Raises:
            TimeoutError: the other side took nothing for so long; the connection is of no use then.
            ConnectionClosed: there is no connection any more.
        """
        self._write(self._messages.send(message))
        while self._full:
            if not await self._wait(timeout):
                self.transport.abort()
                raise TimeoutError

    async def recv(self, timeout: float | None) -> str | bytes:
        """Wait for one message.

        Raises:
            TimeoutError: there is none after so many seconds.
            ConnectionClosed: there is no connection any more.
        """
        while (message := self._next()) is None:
            if not await self._wait(timeout):
                raise TimeoutError
        return message

    async def pending(self) -> str | bytes | None:
        """Return a message that is there, or None.

        Raises:
            ConnectionClosed: there is no connection any more.
        """
        message = self._next()
        if message is None and (self._poll is None or self._poll.poll(0)):
            # Two turns: the loop's callbacks run behind the task that waits for the first.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            message = self._next()
        return message

    async def close(self) -> None:
        """Say so to the other side, and wait a little for its answer; never raises."""
        self._messages.say_goodbye()
        self._write(self._messages.to_write())
        self._messages.drop()
        self._read_again()
        try:
            await asyncio.wait((self._lost,), timeout=self._close_timeout)
        finally:
            self.transport.abort()

    def _next(self) -> str | bytes | None:
        message = self._messages.next()
        self._read_again()
        return message

    def _read_again(self) -> None:
        if not self._reads:
            self._reads = True
            self.transport.resume_reading()

    def _write(self, pieces: Iterable[bytes]) -> None:
        if self.transport.is_closing():
            return  # what the other side said before is read
        for data in pieces:
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()

    async def _wait(self, timeout: float | None) -> bool:
        """Wait until it is worth a look again; False when so many seconds went by."""
        waiting: asyncio.Future[bool] = self._loop.create_future()
        self._waiting = waiting
        if timeout is None:
            self._deadline = None
        else:
            self._deadline = time.monotonic() + timeout
            self._set_alarm(self._deadline)
        try:
            return await waiting
        finally:
            self._waiting = self._deadline = None

    def _wake(self, *, in_time: bool = True) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(in_time)

    # Time

    def _set_alarm(self, at: float) -> None:
        """Look at the time then (monotonic), or sooner: who waits less long does not touch it."""
        if self._alarm is not None:
            if self._alarm_at <= at:
                return
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._loop.call_later(max(0.0, at - time.monotonic()), self._look)

    def _look(self) -> None:
        """End a wait whose time is over; ask for a sign of life, or give up."""
        self._alarm = None
        now = time.monotonic()
        if self._deadline is not None and self._deadline <= now:
            self._deadline = None
            self._wake(in_time=False)
        if self._messages.quiet_at <= now and not self._ask():
            self.transport.abort()
            return
        # What comes meanwhile may be an answer, and the next ping due before silence was.
        look = min(self._messages.quiet_at, now + PING_AFTER)
        self._set_alarm(look if self._deadline is None else min(look, self._deadline))

    def _ask(self) -> bool:
        asked = self._messages.ask()
        self._write(self._messages.to_write())
        return asked
