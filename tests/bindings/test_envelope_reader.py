"""An envelope in a file, read from any place."""

import io
import random

import pytest

from pycape import envelope, errors
from pycape._envelope_streams import CHUNK, SEALED_CHUNK
from pycape.keys import PrivateKey

KEY = PrivateKey.generate("x25519")
DATA = random.Random(1).randbytes(70 * CHUNK + 100)  # noqa: S311 - the same in every run


def sealed(data: bytes, **options) -> bytes:
    buffer = bytearray(envelope.sealed_size(len(data), [KEY.public_key], context={"note": "x"}))
    options = {"context": {"note": "x"}, **options}
    envelope.seal_into(data, [KEY.public_key], buffer, **options)
    return bytes(buffer)


SEALED = sealed(DATA)
HEAD = len(SEALED) - len(DATA) - 16 * 71


def reader(binary: bytes = SEALED, **options) -> envelope.EnvelopeReader:
    return envelope.EnvelopeReader(io.BytesIO(binary), KEY, **options)


def test_it_is_a_file_of_the_plaintext():
    file = reader()
    assert (file.size, file.context) == (len(DATA), {"note": b"x"})
    assert file.readable()
    assert file.seekable()
    assert not file.writable()
    assert file.read() == DATA
    assert file.read() == file.read(5) == b""
    assert file.tell() == len(DATA)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_sizes_around_chunks(size):
    file = reader(sealed(DATA[:size], aad=b"outside"), aad=b"outside")
    assert file.size == size
    assert file.readall() == DATA[:size]


def test_any_range():
    file, draw = reader(), random.Random(2)  # noqa: S311 - the same in every run
    edges = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 64 * CHUNK, 70 * CHUNK, len(DATA) - 1, len(DATA)]
    ranges = [(begin, size) for begin in edges for size in (0, 1, CHUNK, 2 * CHUNK + 1, len(DATA))]
    ranges += [(draw.randrange(len(DATA)), draw.randrange(5 * CHUNK)) for _ in range(100)]
    for begin, size in ranges:
        assert file.seek(begin) == begin
        assert file.read(size) == DATA[begin : begin + size]
        assert file.tell() == min(begin + size, len(DATA))


def test_seeking():
    file = reader()
    assert file.seek(-10, io.SEEK_END) == len(DATA) - 10
    assert file.read() == DATA[-10:]
    assert file.seek(-20, io.SEEK_CUR) == len(DATA) - 20
    assert file.read(5) == DATA[-20:-15]
    assert file.seek(10**30) == 10**30
    assert file.read() == file.read(1) == b""
    assert file.readinto(bytearray(5)) == 0
    with pytest.raises(ValueError, match="before the beginning"):
        file.seek(-1)
    with pytest.raises(ValueError, match="whence"):
        file.seek(0, 3)
    with pytest.raises(TypeError):
        file.seek("0")


def test_readinto_fills_what_it_is_given():
    file = reader()
    buffer = bytearray(5 * CHUNK + 3)
    file.seek(CHUNK - 2)
    assert file.readinto(buffer) == len(buffer)
    assert buffer == DATA[CHUNK - 2 :][: len(buffer)]
    file.seek(len(DATA) - 3)
    assert file.readinto(buffer) == 3
    with pytest.raises(TypeError):
        reader().readinto(bytes(5))
    with pytest.raises(TypeError):
        reader().readinto(bytes(2 * CHUNK))


def test_it_can_be_buffered_and_given_to_others():
    with io.BufferedReader(reader(), 1000) as file:
        file.seek(5)
        assert file.read(20) == DATA[5:25]
        assert file.read() == DATA[25:]
    lines = reader(sealed(b"one\ntwo\n"))
    assert list(lines) == [b"one\n", b"two\n"]


class Counts(io.BytesIO):
    """A file that counts what is read of it."""

    def readinto(self, buffer):
        count = super().readinto(buffer)
        self.read_bytes = getattr(self, "read_bytes", 0) + count
        return count


def test_no_more_is_read_than_the_chunks_that_hold_the_range():
    inner = Counts(SEALED)
    file = envelope.EnvelopeReader(inner, KEY)
    assert inner.read_bytes == HEAD + 116
    inner.read_bytes = 0
    file.seek(10 * CHUNK + 5)
    for _ in range(100):
        assert len(file.read(50)) == 50
    assert inner.read_bytes == SEALED_CHUNK


def test_an_altered_chunk_is_refused_when_it_is_read_and_others_are_not():
    for chunk in (0, 33, 69):
        altered = bytearray(SEALED)
        altered[HEAD + chunk * SEALED_CHUNK + 100] ^= 1
        file = reader(altered)
        for place in (chunk * CHUNK, chunk * CHUNK + 7):
            for size in (1, CHUNK + 1):
                file.seek(place)
                with pytest.raises(errors.DecryptFailed, match=f"chunk {chunk} "):
                    file.read(size)
                assert file.tell() == place
        file.seek((chunk + 1) * CHUNK)
        assert file.read(10) == DATA[(chunk + 1) * CHUNK :][:10]


def test_swapped_chunks_are_refused():
    first, second = HEAD + SEALED_CHUNK, HEAD + 2 * SEALED_CHUNK
    swapped = SEALED[:HEAD] + SEALED[first:second] + SEALED[HEAD:first] + SEALED[second:]
    file = reader(swapped)
    for place in (0, CHUNK):
        file.seek(place)
        with pytest.raises(errors.DecryptFailed):
            file.read(1)
    file.seek(2 * CHUNK)
    assert file.read(1) == DATA[2 * CHUNK :][:1]


def test_a_size_is_told_only_when_the_end_is_the_end():
    """A cut, bytes at the end, an altered last chunk: refused before anything is read."""
    for binary, error in (
        (SEALED[:-1], errors.DecryptFailed),
        (SEALED[:-116], errors.Truncated),
        (SEALED[: HEAD + 3 * SEALED_CHUNK], errors.Truncated),
        (SEALED[: HEAD + 3 * SEALED_CHUNK + 15], errors.Truncated),
        (SEALED[: HEAD + 3 * SEALED_CHUNK + 16], errors.DecryptFailed),
        (SEALED + b"x", errors.DecryptFailed),
        (SEALED + SEALED[HEAD : HEAD + SEALED_CHUNK], errors.DecryptFailed),
        (SEALED[:-1] + bytes([SEALED[-1] ^ 1]), errors.DecryptFailed),
        (SEALED[:HEAD], errors.Truncated),
        (SEALED[: HEAD - 1], errors.Truncated),
        (SEALED[:20], errors.Truncated),
        (SEALED[:3], errors.UnsupportedFormat),
        (b"", errors.UnsupportedFormat),
    ):
        with pytest.raises(error):
            reader(binary)


def test_what_cannot_be_read():
    with pytest.raises(errors.DecryptFailed):
        envelope.EnvelopeReader(io.BytesIO(SEALED), PrivateKey.generate("x25519"))
    with pytest.raises(errors.DecryptFailed):
        reader(aad=b"other")
    with pytest.raises(errors.UnsupportedFormat, match="text form"):
        reader(envelope.seal(DATA, [KEY.public_key]))
    with pytest.raises(ValueError, match="seek"):
        envelope.EnvelopeReader(SEALED, KEY)


def test_a_file_that_shrinks():
    inner = io.BytesIO(SEALED)
    file = envelope.EnvelopeReader(inner, KEY)
    inner.truncate(HEAD + 5 * SEALED_CHUNK)
    assert file.read(5 * CHUNK) == DATA[: 5 * CHUNK]
    with pytest.raises(errors.Truncated):
        file.read(1)


def test_closed():
    inner = io.BytesIO(SEALED)
    file = envelope.EnvelopeReader(inner, KEY)
    file.close()
    asking = (file.readable, file.seekable, file.tell)
    for use in (*asking, file.read, lambda: file.seek(0), lambda: file.readinto(bytearray(1))):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert not inner.closed
