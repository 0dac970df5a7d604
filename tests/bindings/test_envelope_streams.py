"""Envelopes from one file object into another: in windows, whatever these file objects are like."""

import io
import json
import subprocess
import sys

import pytest

from pycape import envelope, errors
from pycape._envelope_streams import _WINDOW_CHUNKS, CHUNK, SEALED_CHUNK
from pycape.keys import PrivateKey

KEY = PrivateKey.generate("x25519")
PUBLIC = [KEY.public_key]
WINDOW = _WINDOW_CHUNKS * CHUNK
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW + 5]


def octets(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def sealed(data: bytes, **options) -> bytes:
    writer = io.BytesIO()
    written = envelope.seal_stream(io.BytesIO(data), writer, PUBLIC, **options)
    assert written == len(writer.getvalue())
    return writer.getvalue()


def opened(binary: bytes, **options) -> bytes:
    writer = io.BytesIO()
    written = envelope.open_stream(io.BytesIO(binary), writer, KEY, **options)
    assert written == len(writer.getvalue())
    return writer.getvalue()


@pytest.mark.parametrize("size", SIZES)
def test_streams_and_memory_make_and_read_the_same(size):
    data, options = octets(size), {"context": {"note": "x"}, "aad": b"outside"}
    binary = sealed(data, **options)
    assert len(binary) == envelope.sealed_size(size, PUBLIC, context={"note": "x"})
    assert envelope.open(binary, KEY, aad=b"outside") == data
    assert opened(binary, aad=b"outside") == data
    buffer = bytearray(len(binary))
    envelope.seal_into(data, PUBLIC, buffer, **options)
    assert opened(buffer, aad=b"outside") == data


def test_anonymous_recipients():
    binary = sealed(b"x", anonymous=True)
    assert [stanza.key_id for stanza in envelope.inspect(binary).recipients] == [bytes(8)]
    assert opened(binary) == b"x"
    with pytest.raises(ValueError, match="5 anonymous"):
        keys = [PrivateKey.generate("x25519").public_key for _ in range(5)]
        envelope.seal_stream(io.BytesIO(), io.BytesIO(), keys, anonymous=True)


# What a reader and a writer may do.


class Reads:
    """Has `read` alone, and gives as many bytes at a time as it likes."""

    def __init__(self, data: bytes, most: int, form=bytes):
        self.file, self.most, self.form, self.ended = io.BytesIO(data), most, form, 0

    def read(self, size: int):
        data = self.file.read(min(size, self.most))
        self.ended += not data
        return self.form(data)


class ReadsInto(Reads):
    """Has `readinto` as well, which is preferred."""

    def read(self, size: int):
        raise AssertionError("it has readinto")

    def readinto(self, buffer) -> int:
        data = Reads.read(self, len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Writes:
    """Takes as many bytes at a time as it likes, and keeps none of what it is lent."""

    def __init__(self, most: int):
        self.most, self.taken = most, bytearray()

    def write(self, data) -> int:
        self.taken += data[: self.most]
        return min(self.most, len(data))


class TakesAll(Writes):
    def write(self, data) -> None:
        self.taken += data


@pytest.mark.parametrize("most", [1, 7, 1000, CHUNK + 1, 10**9])
@pytest.mark.parametrize("reader", [Reads, ReadsInto])
@pytest.mark.parametrize("form", [bytes, bytearray, memoryview])
def test_short_reads_and_short_writes(most, reader, form):
    data = octets(3000 if most == 1 else WINDOW + CHUNK + 1)
    binary = Writes(most)
    source = reader(data, most, form)
    envelope.seal_stream(source, binary, PUBLIC)
    # An end is an end: a terminal is not asked again.
    assert source.ended == 1
    for writer in (Writes(most), TakesAll(most)):
        source = reader(bytes(binary.taken), most, form)
        assert envelope.open_stream(source, writer, KEY) == len(data)
        assert writer.taken == data
        assert source.ended == 1


def test_files(tmp_path):
    data = octets(2 * WINDOW + 100)
    (tmp_path / "plain").write_bytes(data)
    for buffering in (-1, 0):
        with (
            (tmp_path / "plain").open("rb", buffering) as reader,
            (tmp_path / "sealed").open("wb", buffering) as writer,
        ):
            envelope.seal_stream(reader, writer, PUBLIC)
        with (
            (tmp_path / "sealed").open("rb", buffering) as reader,
            (tmp_path / "opened").open("wb", buffering) as writer,
        ):
            envelope.open_stream(reader, writer, KEY)
        assert (tmp_path / "opened").read_bytes() == data


class Answers:
    """A file object that answers what it must not."""

    def __init__(self, answer):
        self.answer = answer

    def read(self, size):
        return self.answer

    def write(self, data):
        return self.answer


class AnswersInto(Answers):
    def readinto(self, buffer):
        return self.answer


class Raw(io.RawIOBase):
    """A pipe that does not wait, and has no room."""

    def readinto(self, buffer):
        return None

    def write(self, data):
        return None


@pytest.mark.parametrize(
    ("reader", "error", "reason"),
    [
        (Raw(), ValueError, "does not wait"),
        (Answers(None), ValueError, "does not wait"),
        (Answers("text"), TypeError, 'open it with "rb"'),
        (Answers(5), TypeError, "buffer"),
        (Answers(bytes(WINDOW + 1)), ValueError, f"gave {WINDOW + 1} bytes"),
        (AnswersInto(-1), ValueError, "returned -1"),
        (AnswersInto(WINDOW + 1), ValueError, f"returned {WINDOW + 1}"),
        (AnswersInto("x"), TypeError, "returned str"),
        (io.StringIO("text"), TypeError, 'open it with "rb"'),
        (b"data", TypeError, "binary file object"),
        (None, TypeError, "binary file object"),
    ],
)
def test_readers_that_will_not_do(reader, error, reason):
    with pytest.raises(error, match=reason):
        envelope.seal_stream(reader, io.BytesIO(), PUBLIC)


@pytest.mark.parametrize(
    ("writer", "error", "reason"),
    [
        (Raw(), ValueError, "does not wait"),
        (Answers(0), ValueError, "returned 0"),
        (Answers(-1), ValueError, "returned -1"),
        (Answers(10**9), ValueError, "returned 1000000000"),
        (Answers("x"), TypeError, "returned str"),
        (b"data", TypeError, "binary file object"),
        (None, TypeError, "binary file object"),
    ],
)
def test_writers_that_will_not_do(writer, error, reason):
    with pytest.raises(error, match=reason):
        envelope.seal_stream(io.BytesIO(b"x"), writer, PUBLIC)
    with pytest.raises(error, match=reason):
        envelope.open_stream(io.BytesIO(sealed(b"x")), writer, KEY)


class Breaks(Reads):
    def read(self, size: int):
        if data := Reads.read(self, size):
            return data
        raise ConnectionResetError("the other side is gone")


def test_what_a_reader_raises_is_passed_on_and_what_was_written_is_no_envelope():
    for size in (0, 10, WINDOW + 10):
        writer = io.BytesIO()
        with pytest.raises(ConnectionResetError):
            envelope.seal_stream(Breaks(octets(size), 10**9), writer, PUBLIC)
        with pytest.raises(errors.Truncated):
            opened(writer.getvalue())


def test_progress_is_told_in_bytes_read():
    told = []
    data = octets(2 * WINDOW + 5)
    writer = io.BytesIO()
    envelope.seal_stream(io.BytesIO(data), writer, PUBLIC, progress=told.append)
    assert told == [WINDOW, 2 * WINDOW, len(data)]
    told.clear()
    writer.seek(0)
    envelope.open_stream(writer, io.BytesIO(), KEY, progress=told.append)
    assert len(told) == 3
    assert told == sorted(told)
    assert told[-1] == len(writer.getvalue())


def test_progress_can_stop_it():
    def stop(read: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        envelope.seal_stream(io.BytesIO(b"x"), io.BytesIO(), PUBLIC, progress=stop)


# What is opened.


def test_a_cut_stream_is_refused_wherever_it_is_cut():
    data = octets(WINDOW + 2 * CHUNK)
    binary = sealed(data)
    head = len(binary) - len(data) - 16 * (len(data) // CHUNK + 1)
    boundaries = [head + chunk * SEALED_CHUNK for chunk in range(_WINDOW_CHUNKS + 3)]
    truncated = [0, 3, 15, 16, head - 57, head - 56, head - 1, *boundaries, boundaries[-1] + 15]
    for length in truncated:
        writer = io.BytesIO()
        error = errors.UnsupportedFormat if length < 4 else errors.Truncated
        with pytest.raises(error):
            envelope.open_stream(io.BytesIO(binary[:length]), writer, KEY)
        assert data.startswith(writer.getvalue())
    for boundary in (*boundaries[:3], *boundaries[-3:-1]):
        with pytest.raises(errors.DecryptFailed):
            opened(binary[: boundary + 16])


def test_bytes_after_the_end_are_refused():
    for size in (0, 5, CHUNK, WINDOW, WINDOW + 7):
        binary = sealed(octets(size))
        for more in (b"x", bytes(16), binary, bytes(2 * WINDOW)):
            with pytest.raises(errors.DecryptFailed):
                opened(binary + more)


def test_no_byte_of_an_altered_chunk_is_written():
    data = octets(WINDOW + 5 * CHUNK)
    binary = bytearray(sealed(data))
    for chunk in (0, 1, _WINDOW_CHUNKS - 1, _WINDOW_CHUNKS, _WINDOW_CHUNKS + 5):
        place = len(binary) - len(data) - 16 * (_WINDOW_CHUNKS + 6) + chunk * SEALED_CHUNK
        binary[place] ^= 1
        writer = io.BytesIO()
        with pytest.raises(errors.DecryptFailed, match=f"chunk {chunk} "):
            envelope.open_stream(io.BytesIO(binary), writer, KEY)
        assert writer.getvalue() == data[: chunk // _WINDOW_CHUNKS * WINDOW]
        binary[place] ^= 1
    assert opened(binary) == data


def test_the_text_form_is_refused_as_what_it_is():
    with pytest.raises(errors.UnsupportedFormat, match="text form"):
        opened(envelope.seal(b"x", PUBLIC))


def test_another_key_or_other_data_opens_nothing():
    for options, key in (({}, PrivateKey.generate("x25519")), ({"aad": b"other"}, KEY)):
        writer = io.BytesIO()
        with pytest.raises(errors.DecryptFailed):
            envelope.open_stream(io.BytesIO(sealed(b"x" * WINDOW)), writer, key, **options)
        assert writer.getvalue() == b""


MEMORY = """
import json, re
from pathlib import Path
from pycape import envelope, keys
key = keys.PrivateKey.generate()

class Ring:
    def __init__(self, size): self.left = size
    def readinto(self, buffer):
        count = min(len(buffer), self.left)
        self.left -= count
        return count

class Counts:
    taken = 0
    def write(self, data): self.taken += len(data)

# Not what getrusage(2) tells: in that is the most of the process that this one was forked from.
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

envelope.seal_stream(Ring(1 << 20), Counts(), [key.public_key])
before = peak()
sink = Counts()
envelope.seal_stream(Ring(256 << 20), sink, [key.public_key])
print(json.dumps({"sealed": sink.taken, "kib": peak() - before}))
"""


def test_memory_is_constant():
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)
    assert found["sealed"] > 256 << 20
    # Two windows of 1 MiB are there before; 16 MiB of 256 would be a leak already.
    assert found["kib"] < 16 << 10
