"""An enclave's side of a session: what a client may do, and what ends it. docs/spec/session.md.

It answers nothing by itself: who plays an enclave says what was answered, and when.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .calls import FIRST_CREDIT
from .contents import read_close, read_open
from .errors import KeyInvalid, ProtocolError
from .frames import HEAD, TAG, Direction, Frame, Type
from .handshake import SUITES, Keys, ServerHello, enclave_keys
from .kem import KEMS
from .text import from_base64url


@dataclass
class Call:
    """What a client may still send for a call."""

    input_open: bool
    granted: int = FIRST_CREDIT
    cancelled: bool = False
    over: bool = False


def read_query(query: str, suites: Sequence[int]) -> tuple[bytes, list[int], int]:
    """Return the nonce, the offer and the suite to take.

    Raises:
        ProtocolError: what is answered with HTTP 400.
    """
    pairs = [part.partition("=") for part in query.split("&")]
    if sorted(name for name, _, _ in pairs) != ["nonce", "suites"]:
        raise ProtocolError("a parameter is missing, repeated, or not known")
    values = {name: value for name, _, value in pairs}
    try:
        nonce = from_base64url(values["nonce"])
    except ValueError as error:
        raise ProtocolError("the nonce") from error
    numbers = re.sub("%2[Cc]", ",", values["suites"]).split(",")
    if len(nonce) != 32 or not all(re.fullmatch("[1-9][0-9]{0,2}", it, re.ASCII) for it in numbers):
        raise ProtocolError("a nonce of another length, or an offer of another form")
    offer = [int(number) for number in numbers]
    if max(offer) > 255 or len(offer) > 8 or len(set(offer)) != len(offer):
        raise ProtocolError("an offer of another form")
    known = [suite for suite in offer if suite in suites]
    if not known:
        raise ProtocolError("no suite in common")
    return nonce, offer, known[0]


def accept(hello: ServerHello, leaf: bytes, private: bytes, message: bytes) -> tuple[Keys, bytes]:
    """Take a client's first message: the keys, and the frame in it.

    Raises:
        ProtocolError: the encapsulated key is none.
    """
    size = KEMS[SUITES[hello.suite][0]].encapsulated_size
    if len(message) < size + HEAD + TAG:
        raise ProtocolError("a first message that is too short")
    try:
        return enclave_keys(hello, leaf, private, message[:size]), message[size:]
    except KeyInvalid as error:
        raise ProtocolError("an encapsulated key that nobody makes") from error


class Enclave:
    """A session with a client, once its keys are there."""

    def __init__(self, keys: Keys):
        self._incoming = Direction(keys, "c2e")
        self._calls: dict[int, Call] = {}
        self._last_call = 0
        self._client_closes = False

    def receive(self, message: bytes) -> Frame | None:
        """Take a message; None when it means nothing any more.

        Raises:
            ProtocolError: a violation.
            TooLarge: one of a size.
        """
        frame = self._incoming.open(message)
        match frame.type:
            case Type.CLOSE:
                return self._close(frame)
            case Type.ERROR | Type.LOG:
                raise ProtocolError(f"a client sends no {frame.type.name}")
        if frame.call == 0:
            raise ProtocolError("a frame of a call on call 0")
        if frame.type == Type.OPEN:
            return self._open(frame)
        if frame.call > self._last_call or frame.call not in self._calls:
            raise ProtocolError("a call that was never opened")
        call = self._calls[frame.call]
        if call.over:
            return None
        # The rules hold behind CANCEL too, for what is dropped.
        dropped = call.cancelled and frame.type != Type.CREDIT
        self._of_call(frame, call)
        return None if dropped else frame

    def answered(self, frame_type: Type, call: int, content: Any) -> None:
        """Say what was sent to the client."""
        if frame_type == Type.CREDIT:
            self._calls[call].granted += int.from_bytes(content, "big")
        if frame_type in {Type.END, Type.ERROR} and call != 0:
            self._calls[call].over = True

    def _close(self, frame: Frame) -> Frame:
        if frame.call != 0 or self._client_closes:
            raise ProtocolError("CLOSE on a call, or twice")
        read_close(frame.content)
        self._client_closes = True
        return frame

    def _open(self, frame: Frame) -> Frame:
        if self._client_closes or frame.call <= self._last_call:
            raise ProtocolError("OPEN after CLOSE, or with a number that does not rise")
        members = read_open(frame.content)
        self._last_call = frame.call
        self._calls[frame.call] = Call(input_open=9 not in members)
        return frame

    def _of_call(self, frame: Frame, call: Call) -> None:
        match frame.type:
            case Type.DATA:
                call.granted -= len(frame.content)
                if not frame.content or call.granted < 0 or not call.input_open:
                    raise ProtocolError("DATA that is empty, beyond the credit, or after the end")
            case Type.END:
                if frame.content != b"\xa0" or not call.input_open:
                    raise ProtocolError("END with a content, or after the end")
                call.input_open = False
            case Type.CANCEL:
                if frame.content:
                    raise ProtocolError("CANCEL with a content")
                call.cancelled = True
            case Type.CREDIT:
                if len(frame.content) != 4:
                    raise ProtocolError("CREDIT has 4 bytes")
