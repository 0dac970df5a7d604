"""An envelope in the form that enclaves open. Spec: docs/spec/envelope.md, two forms, use rules."""

from __future__ import annotations

import base64

from . import _core

# The magic of envelopes, and the version: 2, or another, which is not for a function either. What
# stands there in a text is none of these.
_MAGIC = b"CAPE"
_BINARY_BEGINS = frozenset(_MAGIC + bytes([version]) for version in range(1, 9))
_BINARY_BEGIN_BYTES = 5

_TEXT_BEGINS = b"cape:2:"


def begins_as_binary(data: memoryview) -> bool:
    """Tell whether data begins as the binary form of any version does."""
    return data[:_BINARY_BEGIN_BYTES].tobytes() in _BINARY_BEGINS


class EnvelopeText:
    """The same for an input that comes piece by piece."""

    def __init__(self) -> None:
        self._held = b""
        self._is_binary: bool | None = None

    def add(self, piece: memoryview) -> memoryview | bytes:
        """Return what goes to the enclave of the next piece."""
        if self._is_binary is False:
            return piece
        self._held += piece
        if self._is_binary is None:
            if len(self._held) < _BINARY_BEGIN_BYTES and _MAGIC.startswith(self._held[:4]):
                return b""
            self._is_binary = begins_as_binary(memoryview(self._held))
            if not self._is_binary:
                begin, self._held = self._held, b""
                return begin
            return _TEXT_BEGINS + self._encode()
        return self._encode()

    def end(self) -> bytes:
        """Return what is left."""
        rest, self._held = self._held, b""
        return base64.urlsafe_b64encode(rest).rstrip(b"=") if self._is_binary else rest

    def _encode(self) -> bytes:
        """Encode whole groups: three bytes are four characters."""
        whole = len(self._held) - len(self._held) % 3
        groups, self._held = self._held[:whole], self._held[whole:]
        return base64.urlsafe_b64encode(groups)


def envelope_as_text(data: memoryview) -> memoryview:
    """Return an envelope in binary form as text, which alone enclaves open; all else as it is.

    So what was passed to a call is what went to the enclave, and what its receipt is about.

    Raises:
        Truncated: it ends within its header.
        UnsupportedFormat: it begins as the binary form of any version does, and is none of this.
    """
    if not begins_as_binary(data):
        return data
    _core.inspect_envelope(data)
    return memoryview(_TEXT_BEGINS + base64.urlsafe_b64encode(data).rstrip(b"="))
