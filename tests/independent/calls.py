"""One call of a connection, in the client's eyes. docs/spec/session.md, frames and calls."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from . import cbor
from .errors import CapeError, ProtocolError, Refused
from .frames import Type

INLINE_LIMIT = 64 * 1024
PIECE = 256 * 1024
FIRST_CREDIT = 1 << 20
LOG_LIMIT = 1 << 20


class Operation(IntEnum):
    """What OPEN asks for."""

    RUN = 1
    DEPLOY = 2
    KEY = 3
    DESCRIBE = 4


@dataclass
class Call:
    """A call that was opened, what is left of its input, and what has come of its output."""

    number: int
    input: bytes
    input_open: bool
    logs: bool
    credit: int = FIRST_CREDIT
    granted: int = FIRST_CREDIT
    used_up: int = 0
    cancelled: bool = False
    output: bytearray = field(default_factory=bytearray)
    log: bytearray = field(default_factory=bytearray)
    end: dict[int, Any] | None = None
    failure: CapeError | None = None

    @property
    def is_over(self) -> bool:
        return self.end is not None or self.failure is not None

    def outgoing(self) -> Iterator[tuple[Type, bytes]]:
        """Yield the frames of the input that the credit allows, then END."""
        while self.input_open and not self.is_over:
            piece = self.input[: min(PIECE, self.credit)]
            if piece:
                self.input = self.input[len(piece) :]
                self.credit -= len(piece)
                yield Type.DATA, piece
            elif self.input:
                return
            else:
                self.input_open = False
                yield Type.END, cbor.encode({})

    def receive(self, type_: Type, content: bytes) -> Iterator[tuple[Type, bytes]]:
        """Take a frame of this call, and yield what is to be answered.

        Raises:
            ProtocolError: the enclave may not send this.
        """
        match type_:
            case Type.DATA:
                yield from self._data(content)
            case Type.END:
                self._end(cbor_map(content))
            case Type.ERROR:
                self.failure = read_error(content)
            case Type.LOG:
                self.log += content
                if not self.logs or len(self.log) > LOG_LIMIT:
                    raise ProtocolError("LOG that was not asked for, or too much of it")
            case Type.CREDIT:
                if len(content) != 4:
                    raise ProtocolError("CREDIT has 4 bytes")
                self.credit += int.from_bytes(content, "big")
            case _:
                raise ProtocolError(f"an enclave does not send {type_.name} for a call")

    def _data(self, content: bytes) -> Iterator[tuple[Type, bytes]]:
        self.granted -= len(content)
        if not content or self.granted < 0:
            raise ProtocolError("DATA that is empty, or beyond the credit")
        if not self.cancelled:
            self.output += content
        # Granted in larger pieces: a grant for each frame would double the number of messages.
        self.used_up += len(content)
        if self.used_up >= FIRST_CREDIT // 2:
            yield Type.CREDIT, self.used_up.to_bytes(4, "big")
            self.granted += self.used_up
            self.used_up = 0

    def _end(self, members: dict[int, Any]) -> None:
        last = members.get(5, b"")
        if not isinstance(last, bytes) or len(last) > INLINE_LIMIT:
            raise ProtocolError("END has another form")
        self.output += last
        if not self.cancelled and members.get(1) != hashlib.sha256(self.output).digest():
            raise ProtocolError("the output is not what END states")
        self.end = members


def read_error(content: bytes) -> Refused:
    members = cbor_map(content)
    name, message, details = members.get(1), members.get(2), members.get(3, {})
    if not isinstance(name, str) or not isinstance(message, str) or not isinstance(details, dict):
        raise ProtocolError("ERROR has another form")
    return Refused(name, message, details, members)


def cbor_map(content: bytes) -> dict[int, Any]:
    try:
        members = cbor.decode(content)
    except ValueError as error:
        raise ProtocolError(f"the content of a frame: {error}") from error
    if not isinstance(members, dict):
        raise ProtocolError("the content of a frame is no map")
    return members
