"""A WebSocket for the sync client, whose socket is read by the thread that waits for a message.

The sync connections of `websockets` read in a thread of their own, so each message changes threads
twice, which costs more than all else that a small call does. Here a second thread only looks after
a connection that nobody uses at the moment: it answers pings, and asks for signs of life.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections import deque
from contextlib import suppress

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import USER_AGENT
from websockets.protocol import CLOSED, CONNECTING, OPEN

_RECEIVED_AT_ONCE = 256 << 10

# Spec: docs/spec/session.md, connection: who has heard nothing for a while asks, then gives up.
_PING_AFTER = 20.0
_SILENCE = 40.0
_LOOK_EVERY = 5.0

# Messages that wait to be taken, before nothing more is read.
_MAX_WAITING = 4

# RFC 6455, section 7.4.1.
_NORMAL = 1000

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
        self._close_timeout = close_timeout
        self._waiting: deque[str | bytes] = deque()
        self._parts: list[Frame] = []
        self._heard = time.monotonic()
        self._asked = False
        self._used = threading.Lock()
        self._closed = threading.Event()
        sock.setblocking(False)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._shake_hands(deadline)

    def handshake(self, *_arguments: object) -> None:
        """Do nothing: it is over before there is an object."""

    def start_keepalive(self) -> None:
        """Look after it from now on, whenever nobody uses it."""
        threading.Thread(target=self._keep_alive, daemon=True).start()

    def send(self, message: bytes, timeout: float | None) -> None:
        """Send one binary message.

        Raises:
            TimeoutError: the other side took nothing for so long; the connection is of no use then.
            ConnectionClosed: there is no connection any more.
        """
        with self._used:
            self._check_open()
            self._protocol.send_binary(message)
            try:
                self._flush(timeout)
            except TimeoutError:
                self._give_up()
                raise

    def recv(self, timeout: float | None) -> str | bytes:
        """Wait for one message; 0 seconds take one that is there.

        Raises:
            TimeoutError: there is none after so many seconds.
            ConnectionClosed: there is no connection any more.
        """
        with self._used:
            end = None if timeout is None else time.monotonic() + timeout
            while not self._waiting:
                self._check_open()
                if not self._read() and not self._wait_for_data(end):
                    raise TimeoutError
            return self._waiting.popleft()

    def close(self) -> None:
        """Say so to the other side, and wait a little for its answer; never raises."""
        if self._closed.is_set():
            return
        self._closed.set()
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
        if self._protocol.state is OPEN:
            self._protocol.send_close(_NORMAL)
            self._flush(self._close_timeout)
        while self._protocol.state is not CLOSED:
            self._waiting.clear()
            if not self._read() and not _ready(self._poll, end - time.monotonic()):
                return

    def _shake_hands(self, deadline: float | None) -> None:
        request = self._protocol.connect()
        request.headers["User-Agent"] = USER_AGENT
        self._protocol.send_request(request)
        self._flush(_left(deadline))
        while self._protocol.state is CONNECTING and self._protocol.handshake_exc is None:
            if not self._read() and not _ready(self._poll, _left(deadline)):
                raise TimeoutError
        if self._protocol.handshake_exc is not None:
            raise self._protocol.handshake_exc

    def _check_open(self) -> None:
        if self._protocol.state is not OPEN or self._closed.is_set():
            raise self._ended()

    def _ended(self) -> ConnectionClosed:
        protocol = self._protocol
        then = protocol.close_rcvd_then_sent
        return ConnectionClosed(protocol.close_rcvd, protocol.close_sent, then)

    def _read(self) -> bool:
        """Take in what has come; False when there was nothing."""
        try:
            data = self._socket.recv(_RECEIVED_AT_ONCE)
        except _AGAIN:
            return False
        except OSError:
            data = b""
        self._heard, self._asked = time.monotonic(), False
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        # Answers to pings, and to a close.
        self._flush(self._close_timeout)
        return True

    def _take(self, frame: Frame) -> None:
        """Put a message together; the protocol sees to its size."""
        if frame.opcode not in DATA_OPCODES:
            return
        self._parts.append(frame)
        if frame.fin:
            parts, self._parts = self._parts, []
            whole = b"".join([part.data for part in parts])
            is_text = parts[0].opcode is Opcode.TEXT
            self._waiting.append(whole.decode(errors="replace") if is_text else whole)

    def _flush(self, timeout: float | None) -> None:
        """Write what is to be written; as long as the other side takes some of it."""
        for data in self._protocol.data_to_send():
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
            if not _ready(self._poll, timeout):
                raise TimeoutError
        finally:
            self._poll.modify(self._socket, select.POLLIN)

    def _wait_for_data(self, end: float | None) -> bool:
        """Wait until there is something to read; False at the end of the time."""
        while True:
            now = time.monotonic()
            quiet = self._heard + (_SILENCE if self._asked else _PING_AFTER)
            if quiet <= now:
                self._ask_or_give_up()
                self._check_open()
                continue
            until = quiet if end is None else min(end, quiet)
            if _ready(self._poll, until - now):
                return True
            if end is not None and time.monotonic() >= end:
                return False

    def _ask_or_give_up(self) -> None:
        if self._asked:
            self._give_up()
            return
        self._asked = True
        self._protocol.send_ping(b"")
        self._flush(self._close_timeout)

    def _give_up(self) -> None:
        _shut_down(self._socket)
        self._protocol.receive_eof()

    def _keep_alive(self) -> None:
        """Look after it while nobody else does."""
        while not self._closed.wait(_LOOK_EVERY):
            if not self._used.acquire(blocking=False):
                continue
            try:
                while len(self._waiting) < _MAX_WAITING and self._read():
                    pass
                if self._protocol.state is not OPEN:
                    return
                quiet = time.monotonic() - self._heard
                if quiet > (_SILENCE if self._asked else _PING_AFTER):
                    self._ask_or_give_up()
            except (OSError, ConnectionClosed):
                return
            finally:
                self._used.release()


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else deadline - time.monotonic()


def _ready(poll: select.poll, seconds: float | None) -> bool:
    if seconds is None:
        return bool(poll.poll())
    return bool(poll.poll(max(0.0, seconds * 1000)))


def _shut_down(sock: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with suppress(OSError):
        # Not TLS's own `shutdown`, which takes the encryption off.
        socket.socket.shutdown(sock, how)
