"""Whether a key opens a ciphertext: by its name in the header, or by trying it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from pycape import _core
from pycape.errors import CapeError

if TYPE_CHECKING:
    from pycape.cli._inspect._source import Source

_TEXT = b"cape:2:"


def opens(
    source: Source, header: _core.EnvelopeHeader, key: _core.PublicKey | _core.PrivateKey | None
) -> bool | None:
    """Tell whether a key opens it; None when there is none, or a public one cannot tell.

    Of a private key, whether it unwraps the file key and the header is authentic under that; of
    version 1, which has no header, whether it opens the whole.
    """
    if isinstance(key, _core.PrivateKey):
        return _tried(source, header, key)
    if key is None or not all(any(stanza.key_id) for stanza in header.recipients):
        return None
    return any(names(stanza, key) for stanza in header.recipients)


def names(stanza: _core.Stanza, key: _core.PublicKey) -> bool:
    """Whether a recipient is told to be this key."""
    return (stanza.kind, stanza.key_id) == (key.kind, key.key_id)


def _tried(source: Source, header: _core.EnvelopeHeader, key: _core.PrivateKey) -> bool | None:
    try:
        if header.header_size is None:
            if not source.whole:
                return None
            _core.open(source.data[:].strip(), key, b"")
        else:
            start = _beginning(source, header.header_size)
            _core.change_recipients(start, key, [], [], False, header_only=True)
    except CapeError:
        return False
    return True


def _beginning(source: Source, size: int) -> bytes:
    """Return so many bytes of the binary form."""
    if source.data[: len(_TEXT)] != _TEXT:
        return source.data[:size]
    text = source.data[len(_TEXT) : len(_TEXT) + -(-size // 3) * 4].rstrip(b"\r\n")
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))[:size]
