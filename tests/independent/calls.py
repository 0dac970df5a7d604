"""One call of a connection, in the client's eyes. docs/spec/session.md, frames and calls."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import cbor
from .contents import Operation, read_end, read_error
from .errors import CapeError, ProtocolError, TooLarge
from .frames import Type

PIECE = 256 * 1024
FIRST_CREDIT = 1 << 20
LOG_LIMIT = 1 << 20


@dataclass
class Call:
    """A call that was opened, what is left of its input, and what has come of its output."""

    number: int
    input: bytes
    input_open: bool
    logs: bool
    operation: Operation = Operation.RUN
    # Key 11 of OPEN: whose key was asked for.
    wanted: dict[int, Any] | None = None
    # Whether a receipt was asked for.
    receipt: bool = False
    # Whether credit is granted again when half of it is used up, or by who made the call.
    grants: bool = True
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
            TooLarge: it is above a limit.
        """
        match type_:
            case Type.DATA:
                yield from self._data(content)
            case Type.END:
                self._end(content)
            case Type.ERROR:
                self.failure = read_error(content)
            case Type.LOG:
                self.log += content
                if not self.logs:
                    raise ProtocolError("LOG that was not asked for")
                if len(self.log) > LOG_LIMIT:
                    raise TooLarge("more than 1 MiB of LOG")
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
        if self.grants and self.used_up >= FIRST_CREDIT // 2:
            yield Type.CREDIT, self.used_up.to_bytes(4, "big")
            self.granted += self.used_up
            self.used_up = 0

    def _end(self, content: bytes) -> None:
        members = read_end(content, self.operation)
        self.output += members.get(5, b"")
        if not self.cancelled and members[1] != hashlib.sha256(self.output).digest():
            raise ProtocolError("the output is not what END states")
        if self.wanted is not None and any(members[6][key] != self.wanted[key] for key in (1, 2)):
            raise ProtocolError("the key of another account, or of another mechanism")
        self.end = members
