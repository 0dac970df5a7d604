"""A WebSocket for the sync client, whose socket is read by the thread that waits for a message.

The sync connections of `websockets` read in a thread of their own, so each message changes threads
twice, which costs more than all else that a small call does. Here another thread only looks after
connections that nobody uses at the moment: it answers pings, and asks for signs of life.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.protocol import CLOSED

from ._caretaker import Caretaker
from ._websocket_messages import Messages

_RECEIVED_AT_ONCE = 256 << 10

_caretaker = Caretaker(every=5.0)

_AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class WebSocket:
    """An open WebSocket. One thread at a time sends or receives; any may close it.

    It is what `websockets.sync.client.connect` makes of the socket that it has connected, in the
    place of a connection of its own; the handshake has to be over at `deadline`.
    """

    def __init__(
        self,
        sock: socket.socket,
        protocol: ClientProtocol,
        *,
        deadline: float | None,
        close_timeout: float,
        **_of_others: object,
    ) -> None:
        self._socket = sock
        self._protocol = protocol
        self._messages = Messages(protocol)
        self._close_timeout = close_timeout
        self._used = threading.Lock()
        self._closed = False
        # What TLS has in hand already is not the socket's to tell.
        self._decrypted = sock.pending if isinstance(sock, ssl.SSLSocket) else None
        sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._shake_hands(deadline)

    def handshake(self, *_arguments: object) -> None:
        """Do nothing: it is over before there is an object."""

    def start_keepalive(self) -> None:
        """Look after it from now on, whenever nobody uses it."""
        _caretaker.add(self)

    def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message.

        Raises:
            TimeoutError: the other side took nothing for so long; the connection is of no use then.
            ConnectionClosed: there is no connection any more.
        """
        with self._used:
            self._check_open()
            try:
                self._write(self._messages.send(message), timeout)
            except TimeoutError:
                self._give_up()
                raise

    def recv(self, timeout: float | None) -> str | bytes:
        """Wait for one message.

        Raises:
            TimeoutError: there is none after so many seconds.
            ConnectionClosed: there is no connection any more.
        """
        with self._used:
            end = None if timeout is None else time.monotonic() + timeout
            while (message := self._next()) is None:
                if not self._wait_for_data(end):
                    raise TimeoutError
                self._read()
            return message

    def pending(self) -> str | bytes | None:
        """Return a message that is there, or None.

        Raises:
            ConnectionClosed: there is no connection any more.
        """
        with self._used:
            while (message := self._next()) is None:
                if not self._is_ready(0):
                    return None
                self._read()
            return message

    def close(self) -> None:
        """Say so to the other side, and wait a little for its answer; never raises."""
        if self._closed:
            return
        self._closed = True
        _caretaker.remove(self)
        if not self._used.acquire(blocking=False):
            # Whoever waits for it sees its end.
            _shut_down(self._socket)
            return
        try:
            self._say_goodbye()
        except (OSError, ConnectionClosed):
            pass
        finally:
            self._used.release()
            self._socket.close()

    def _say_goodbye(self) -> None:
        end = time.monotonic() + self._close_timeout
        self._messages.say_goodbye()
        self._flush(self._close_timeout)
        while self._protocol.state is not CLOSED:
            self._messages.drop()
            if not self._is_ready(end - time.monotonic()):
                return
            self._read()

    def _shake_hands(self, deadline: float | None) -> None:
        self._messages.greet()
        self._flush(_left(deadline))
        while not self._messages.is_greeted():
            if not self._is_ready(_left(deadline)):
                raise TimeoutError
            self._read()

    def _next(self) -> str | bytes | None:
        if self._closed:
            raise self._messages.ended()
        return self._messages.next()

    def _check_open(self) -> None:
        if self._closed:
            raise self._messages.ended()
        self._messages.check_open()

    def _read(self) -> None:
        """Take in what has come, if anything has."""
        try:
            data = self._socket.recv(_RECEIVED_AT_ONCE)
        except _AGAIN:
            return
        except OSError:
            data = b""
        self._messages.received(data)
        # Answers to pings, and to a close.
        self._flush(self._close_timeout)

    def _flush(self, timeout: float | None) -> None:
        self._write(self._messages.to_write(), timeout)

    def _write(self, pieces: Iterable[bytes], timeout: float | None) -> None:
        """Write all of it; as long as the other side takes some of it."""
        for data in pieces:
            if not data:
                _shut_down(self._socket, socket.SHUT_WR)
                continue
            rest = memoryview(data)
            while rest:
                try:
                    rest = rest[self._socket.send(rest) :]
                except _AGAIN:
                    self._wait_for_room(timeout)
                except OSError:
                    # What the other side said before is read first.
                    return

    def _wait_for_room(self, timeout: float | None) -> None:
        self._poll.modify(self._socket, select.POLLOUT)
        try:
            if not self._is_ready(timeout):
                raise TimeoutError
        finally:
            self._poll.modify(self._socket, select.POLLIN)

    def _wait_for_data(self, end: float | None) -> bool:
        """Wait until there is something to read; False at the end of the time."""
        while True:
            now = time.monotonic()
            quiet = self._messages.quiet_at
            if quiet <= now:
                self._ask_or_give_up()
                self._check_open()
                continue
            until = quiet if end is None else min(end, quiet)
            if self._is_ready(until - now):
                return True
            if end is not None and time.monotonic() >= end:
                return False

    def _is_ready(self, seconds: float | None) -> bool:
        """Wait so many seconds for the socket to be readable, or writable where that is wanted."""
        if self._decrypted is not None and self._decrypted():
            return True
        return bool(self._poll.poll(None if seconds is None else max(0.0, seconds * 1000)))

    def _ask_or_give_up(self) -> None:
        if self._messages.ask():
            self._flush(self._close_timeout)
        else:
            self._give_up()

    def _give_up(self) -> None:
        _shut_down(self._socket)
        self._messages.received(b"")

    def look_after(self) -> bool:
        """Answer pings and ask for signs of life, unless somebody uses it; False at its end."""
        if not self._used.acquire(blocking=False):
            return True
        try:
            while self._messages.is_open and not self._messages.is_full and self._is_ready(0):
                self._read()
            if self._messages.is_open and time.monotonic() > self._messages.quiet_at:
                self._ask_or_give_up()
        except (OSError, ConnectionClosed):
            return False
        finally:
            self._used.release()
        return self._messages.is_open


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else deadline - time.monotonic()


def _shut_down(sock: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with suppress(OSError):
        # Not TLS's own `shutdown`, which takes the encryption off.
        socket.socket.shutdown(sock, how)
