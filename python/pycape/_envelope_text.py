"""An envelope in the form that enclaves open. Spec: docs/spec/envelope.md, two forms, use rules."""

from __future__ import annotations

import base64

from . import _core

# The magic of envelopes, and the version: 2, or another, which is not for a function either. What
# stands there in a text is none of these.
_BINARY_BEGINS = frozenset(b"CAPE" + bytes([version]) for version in range(1, 9))


def begins_as_binary(data: memoryview) -> bool:
    """Tell whether data begins as the binary form of any version does."""
    return data[:5].tobytes() in _BINARY_BEGINS


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
    return memoryview(b"cape:2:" + base64.urlsafe_b64encode(data).rstrip(b"="))
