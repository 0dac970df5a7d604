"""What compresses a bundle on its way; the enclave reads it (tests/e2e/test_upload.py)."""

import os

import pytest

from pycape import _core


def test_a_stream_ends_once():
    compressor = _core.Compressor()
    stream = compressor.compress(bytes(1 << 20)) + compressor.finish()
    assert stream[:4] == b"\x28\xb5\x2f\xfd", "RFC 8878, 3.1.1"
    assert len(stream) < 1000
    for ended in (compressor.finish, lambda: compressor.compress(b"more")):
        with pytest.raises(ValueError, match="the stream has ended"):
            ended()


def test_it_pays_or_not():
    assert _core.Compressor.pays(bytes(1000))
    assert not _core.Compressor.pays(os.urandom(1000))
    assert not _core.Compressor.pays(b"")
