"""Envelopes on both sides of the size from which their memory is asked for in huge pages."""

import pytest

from pycape import envelope
from pycape.keys import PrivateKey

MIB = 1 << 20


@pytest.mark.parametrize("size", [3 * MIB - 4096, 3 * MIB + 4096, 9 * MIB + 1])
def test_large_text_opens_to_what_was_sealed(size):
    key = PrivateKey.generate("x25519")
    data = bytes(range(251)) * (size // 251 + 1)
    sealed = envelope.seal(data[:size], [key.public_key])
    assert len(sealed) == len(b"cape:2:") + -(
        -envelope.sealed_size(size, [key.public_key]) * 4 // 3
    )
    assert envelope.open(sealed, key) == data[:size]
