"""Frames: what the session's keys protect. docs/spec/session.md, frames."""

from dataclasses import dataclass
from enum import IntEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .errors import ProtocolError, TooLarge
from .handshake import SUITES, Keys

HEAD = 8
TAG = 16
PLAINTEXT_LIMIT = 1 << 20
MESSAGE_LIMIT = (1 << 20) + 2048
FRAMES_LIMIT = 1 << 32


class Type(IntEnum):
    """The types of frames."""

    OPEN = 0
    DATA = 1
    END = 2
    ERROR = 3
    LOG = 4
    CANCEL = 5
    CREDIT = 6
    CLOSE = 7


@dataclass(frozen=True)
class Frame:
    """A frame that was opened."""

    type: Type
    call: int
    content: bytes


class Direction:
    """One direction of a connection: its key, and the count of its frames."""

    def __init__(self, keys: Keys, name: str):
        _, aes = SUITES[keys.suite]
        key = keys.exports[f"{name} key"]
        self._aead = AESGCM(key) if aes else ChaCha20Poly1305(key)
        self._iv = int.from_bytes(keys.exports[f"{name} iv"], "big")
        self._count = 0

    def seal(self, type_: Type, call: int, content: bytes) -> bytes:
        return self.seal_behind(bytes([type_, 0, 0, 0]) + call.to_bytes(4, "big"), content)

    def seal_behind(self, head: bytes, content: bytes) -> bytes:
        """Seal the next frame with any head."""
        return head + self._aead.encrypt(self._next_nonce(), content, head)

    def open(self, message: bytes) -> Frame:
        """Open the next frame.

        Raises:
            ProtocolError: it does not open, or its head has another form.
            TooLarge: it is above the limit.
        """
        if len(message) > HEAD + PLAINTEXT_LIMIT + TAG:
            raise TooLarge("a frame above 1 MiB")
        head = message[:HEAD]
        try:
            content = self._aead.decrypt(self._next_nonce(), message[HEAD:], head)
        except (InvalidTag, ValueError) as error:
            raise ProtocolError("a frame does not open") from error
        if head[0] > max(Type) or head[1:4] != bytes(3):
            raise ProtocolError(f"a frame that begins with {head.hex()}")
        return Frame(Type(head[0]), int.from_bytes(head[4:], "big"), content)

    def _next_nonce(self) -> bytes:
        if self._count == FRAMES_LIMIT:
            raise ProtocolError("a direction has no more frames")
        nonce = self._iv ^ self._count
        self._count += 1
        return nonce.to_bytes(12, "big")
