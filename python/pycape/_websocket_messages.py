"""What both clients' WebSockets share, without I/O: messages, and signs of life."""

from __future__ import annotations

import time
from collections import deque

from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import DATA_OPCODES, Frame, Opcode
from websockets.http11 import USER_AGENT
from websockets.protocol import CONNECTING, OPEN

# Spec: docs/spec/session.md, connection: who has heard nothing for a while asks, then gives up.
PING_AFTER = 20.0
SILENCE = 40.0

# Messages that wait to be taken, before nothing more is read.
MAX_WAITING = 4

# RFC 6455, section 7.4.1.
_NORMAL = 1000


class Messages:
    """Messages that have come, and what there is to be written."""

    def __init__(self, protocol: ClientProtocol) -> None:
        self._protocol = protocol
        self._waiting: deque[str | bytes] = deque()
        self._parts: list[Frame] = []
        self._heard = time.monotonic()
        self._asked: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent, and may come."""
        return self._protocol.state is OPEN

    @property
    def quiet_at(self) -> float:
        """When to ask for a sign of life, or to give up, unless something comes (monotonic)."""
        if self._asked is None:
            return self._heard + PING_AFTER
        # Who asked late, since the machine slept, gives as much time to answer.
        return self._asked + SILENCE - PING_AFTER

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be read before something is taken."""
        return len(self._waiting) >= MAX_WAITING

    def greet(self) -> None:
        """Say the first word of the opening handshake."""
        request = self._protocol.connect()
        request.headers["User-Agent"] = USER_AGENT
        self._protocol.send_request(request)

    def is_greeted(self) -> bool:
        """Whether the opening handshake is over.

        Raises:
            InvalidHandshake, EOFError: it has failed.
        """
        if self._protocol.handshake_exc is not None:
            raise self._protocol.handshake_exc
        return self._protocol.state is not CONNECTING

    def received(self, data: bytes) -> None:
        """Take in what has come; nothing is the end. Answers to it are to be written then."""
        self._heard, self._asked = time.monotonic(), None
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)

    def next(self) -> str | bytes | None:
        """Return the message that has come first, or None.

        Raises:
            ConnectionClosed: there is none, and none will come.
        """
        if self._waiting:
            return self._waiting.popleft()
        self.check_open()
        return None

    def drop(self) -> None:
        """Forget what has come."""
        self._waiting.clear()

    def send(self, message: bytes) -> list[bytes]:
        """Return what is to be written for a message; an empty one ends the writing.

        Raises:
            ConnectionClosed: there is no connection any more.
        """
        self.check_open()
        self._protocol.send_binary(message)
        return self._protocol.data_to_send()

    def to_write(self) -> list[bytes]:
        """Return what else is to be written; an empty one ends the writing."""
        return self._protocol.data_to_send()

    def ask(self) -> bool:
        """Ask for a sign of life; False when there has been no answer to that."""
        if self._asked is not None:
            return False
        self._asked = time.monotonic()
        self._protocol.send_ping(b"")
        return True

    def say_goodbye(self) -> None:
        """Begin the closing handshake, unless it has begun."""
        if self.is_open:
            self._protocol.send_close(_NORMAL)

    def check_open(self) -> None:
        """Raise `ConnectionClosed` where there is no connection any more."""
        if self._protocol.state is not OPEN:
            raise self.ended()

    def ended(self) -> ConnectionClosed:
        """Return how the connection has ended."""
        protocol = self._protocol
        then = protocol.close_rcvd_then_sent
        return ConnectionClosed(protocol.close_rcvd, protocol.close_sent, then)

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
