"""A connection to an enclave: its socket, its session, and its calls. docs/spec/session.md."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from . import attestation, cbor, handshake
from .attestation import Verified
from .calls import Call
from .contents import INLINE_LIMIT, Operation, read_close, read_error
from .errors import CapeError, ProtocolError, ReceiptInvalid, Refused, StreamTruncated, TooLarge
from .frames import MESSAGE_LIMIT, Direction, Frame, Type
from .policy import Release
from .text import base64url

SUBPROTOCOL = "cape.v2"
ALL_SUITES = (1, 2, 3, 4)
DONE = 1000
VIOLATION = 1002
RECEIPT, RECEIPT_KEY = 3, 7


@dataclass(frozen=True)
class Trust:
    """What a client brings along, from its profile."""

    trust_roots: list[bytes] | None
    releases: list[Release]


@contextmanager
def establish(url: str, trust: Trust, offer: Sequence[int] = ALL_SUITES) -> Iterator["Connection"]:
    """Connect, and judge who answers; nothing is sent to an enclave that does not convince.

    Raises:
        CapeError: of attestation.md, or a ProtocolError.
    """
    client_nonce = os.urandom(32)
    query = f"nonce={base64url(client_nonce)}&suites={','.join(map(str, offer))}"
    with connect(
        f"{url}?{query}",
        subprotocols=[SUBPROTOCOL],
        compression=None,
        max_size=MESSAGE_LIMIT,
        max_queue=None,  # the credit of its calls bounds what may wait there
        proxy=None,
    ) as socket:
        hello = handshake.read_server_hello(receive(socket), offer)
        leaf = handshake.leaf(hello, offer, client_nonce)
        verified = attestation.verify_session(
            hello.document,
            nonce=handshake.root(leaf, hello.path, hello.index),
            trust_roots=trust.trust_roots,
            releases=trust.releases,
            now_ms=time.time_ns() // 1_000_000,
        )
        encapsulated, keys = handshake.client_keys(hello, leaf)
        connection = Connection(socket, verified, hello.document, leaf, encapsulated, keys)
        yield connection
        connection.leave()


class Connection:
    """A session whose enclave was verified. Calls may be open side by side."""

    def __init__(
        self,
        socket: ClientConnection,
        verified: Verified,
        document: bytes,
        leaf: bytes,
        encapsulated: bytes,
        keys: handshake.Keys,
    ):
        self.verified = verified
        self.document = document
        self.leaf = leaf
        self.suite = keys.suite
        self.owner_session = keys.owner_session
        self._socket = socket
        self._encapsulated = encapsulated
        self._outgoing = Direction(keys, "c2e")
        self._incoming = Direction(keys, "e2c")
        self.calls: dict[int, Call] = {}
        self._last_call = 0
        self._enclave_closes = False
        self._is_over = False

    def open(
        self,
        operation: Operation,
        members: dict[int, Any] | None = None,
        data: bytes = b"",
        *,
        inline_limit: int = INLINE_LIMIT,
    ) -> Call:
        """Begin a call; small inputs travel in OPEN itself.

        Args:
            operation: key 1 of OPEN.
            members: the other keys of OPEN, but the input's.
            data: the whole input.
            inline_limit: up to how many bytes the input travels in OPEN.
        """
        self._last_call += 1
        inline = len(data) <= inline_limit
        opening: dict[int, Any] = {1: int(operation), **(members or {})}
        if inline:
            opening[9] = data
        logs = opening.get(8, {}).get(2, False)
        call = Call(
            self._last_call,
            b"" if inline else data,
            not inline,
            logs,
            operation,
            opening.get(11),
            operation == Operation.RUN and 6 in opening,
        )
        self.calls[call.number] = call
        self._send(Type.OPEN, call.number, cbor.encode(opening))
        return call

    def finish(self, call: Call) -> Call:
        """Serve all calls until this one is over.

        Raises:
            Refused: the enclave answered with an error.
            ProtocolError: it broke a rule; the connection is closed.
            TooLarge: one of a size; likewise.
            ReceiptInvalid: it gave no receipt, and was asked for one; likewise.
            StreamTruncated: the socket closed before the call was over.
        """
        try:
            while not call.is_over:
                # What the credit allows is sent before anything is waited for. What the enclave
                # sends meanwhile waits in the socket's queue, so neither side blocks the other.
                for other in self.calls.values():
                    self._send_all(other, other.outgoing())
                self.take(receive(self._socket))
        except (ProtocolError, ReceiptInvalid, TooLarge):
            self._socket.close(VIOLATION)
            raise
        del self.calls[call.number]
        if call.failure is not None:
            raise call.failure
        return call

    def call(self, operation: Operation, members=None, data: bytes = b"") -> Call:
        """Begin a call and wait for its end."""
        return self.finish(self.open(operation, members, data))

    def cancel(self, call: Call) -> None:
        """Say that a call is not wanted any more; its end still has to be waited for."""
        call.cancelled, call.input_open = True, False
        self._send(Type.CANCEL, call.number, b"")

    def check_stated(self, name: str, octets: bytes) -> None:
        """Compare what the enclave sent with the hash of it in its document.

        Raises:
            ProtocolError: they differ.
        """
        if hashlib.sha256(octets).digest() != self.verified.user_data[name]:
            raise ProtocolError(f"the {name} is not what the document states")

    def leave(self) -> None:
        """Say that there are no new calls; a session without any call just ends."""
        if self._encapsulated is None:
            with suppress(StreamTruncated):
                self._send(Type.CLOSE, 0, cbor.encode({1: DONE}))

    def take(self, message: bytes) -> Frame:
        """Take a message, answer it with what is due at once, and return it opened.

        Raises:
            ProtocolError: it breaks a rule.
            TooLarge: one of a size.
            ReceiptInvalid: the receipt that was asked for is missing.
        """
        frame = self._incoming.open(message)
        if self._is_over:
            raise ProtocolError("a frame behind the one that ended the session")
        if frame.type == Type.CLOSE:
            self._take_close(frame)
        elif frame.call == 0:
            if frame.type != Type.ERROR:
                raise ProtocolError("a frame of a call on call 0")
            self._fail_all(read_error(frame.content))
            self._is_over = True
        else:
            # In the client's eyes also a call that has ended was never opened.
            call = self.calls.get(frame.call)
            if call is None or call.is_over:
                raise ProtocolError(f"a frame of the call {frame.call}, which is not open")
            self._send_all(call, call.receive(frame.type, frame.content))
            if call.end is not None:
                self._check_end(call)
            if isinstance(call.failure, Refused):
                members = call.failure.members
                if 6 in members:
                    self.check_stated("receipts", members[6])
                check_wanted(call, {4, 6} & members.keys())
        return frame

    def _take_close(self, frame: Frame) -> None:
        if frame.call != 0 or self._enclave_closes:
            raise ProtocolError("CLOSE on a call, or twice")
        read_close(frame.content)
        self._enclave_closes = True

    def _check_end(self, call: Call) -> None:
        if RECEIPT_KEY in call.end:
            self.check_stated("receipts", call.end[RECEIPT_KEY])
        if call.operation == Operation.DESCRIBE:
            self.check_stated("runtime", call.end[6][1])
            self.check_stated("receipts", call.end[6][2])
        check_wanted(call, {RECEIPT, RECEIPT_KEY} & call.end.keys())
        if call.receipt and RECEIPT not in call.end:
            raise ReceiptInvalid("missing")

    def _fail_all(self, failure: CapeError) -> None:
        for call in self.calls.values():
            if not call.is_over:
                call.failure = failure

    def _send_all(self, call: Call, frames) -> None:
        for type_, content in frames:
            self._send(type_, call.number, content)

    def _send(self, type_: Type, call: int, content: bytes) -> None:
        message = self._outgoing.seal(type_, call, content)
        if self._encapsulated is not None:
            message, self._encapsulated = self._encapsulated + message, None
        try:
            self._socket.send(message)
        except ConnectionClosed as error:
            raise StreamTruncated("the enclave has closed the connection") from error


def check_wanted(call: Call, given: set[int]) -> None:
    """Refuse a receipt, or the key of one, where none was asked for.

    Raises:
        ProtocolError: there is one.
    """
    if given and not call.receipt:
        raise ProtocolError("a receipt that was not asked for")


def receive(socket: ClientConnection) -> bytes:
    """Return the next message.

    Raises:
        StreamTruncated: there is none any more.
        ProtocolError: it is text; what it says is for people, and nothing vouches for it.
    """
    try:
        message = socket.recv(timeout=60)
    except ConnectionClosed as error:
        raise StreamTruncated(f"the connection was closed: {error}") from error
    if isinstance(message, str):
        raise ProtocolError(f"no session: {message}")
    return message
