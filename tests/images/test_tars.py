"""Tars and streams of strangers: what costs too much, or has two readings, is refused."""

import gzip
import io
import lzma
import tarfile

import pytest

from pycape._core import Compressor
from pycape.errors import ArchiveRefused
from pycape.images._budget import Budget
from pycape.images._decompress import Decompressed
from pycape.images._tar import read_tar

from . import made


def names(data, budget=None):
    source = Decompressed(io.BytesIO(data), "a stream")
    return [member.name for member, _ in read_tar(source, "a stream", budget or Budget())]


def zstd(data):
    compressor = Compressor()
    return compressor.compress(data) + compressor.finish()


COMPRESSORS = {"plain": bytes, "gzip": gzip.compress, "xz": lzma.compress, "zstd": zstd}
TWO = made.tar(made.entry("a", b"1" * 5000), made.entry("b", b"2"))


@pytest.mark.parametrize("compress", COMPRESSORS.values(), ids=COMPRESSORS)
def test_a_stream_is_what_it_is_compressed_from(compress):
    for data in (
        bytes(range(256)) * 4000,
        bytes(range(256)) * 1024,
    ):  # the second fills its buffers
        source = Decompressed(io.BytesIO(compress(data)), "a stream")
        read = b""
        while piece := source.read(70_001):
            read += piece
        assert read == data
    if compress is not bytes:
        both = Decompressed(io.BytesIO(compress(b"one") + compress(b"two")), "a stream")
        assert both.read(100) == b"onetwo"


@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd"])
def test_a_stream_that_breaks_off_or_is_damaged_is_refused(kind):
    compressed = COMPRESSORS[kind](TWO)
    for damaged in (
        compressed[:-1],
        compressed[: len(compressed) // 2],
        compressed[:8] + bytes(len(compressed) - 8),
        compressed + b"garbage",
    ):
        with pytest.raises(ArchiveRefused, match="cannot be decompressed"):
            names(damaged)


@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd"])
def test_a_stream_that_grows_too_much_ends_early(kind):
    """A hundred MiB of zeros; no more of them is made than the limit."""
    bomb = COMPRESSORS[kind](bytes(100 << 20))
    source = Decompressed(io.BytesIO(bomb), "a bomb")
    taken = 0
    with pytest.raises(ArchiveRefused, match="as no honest archive does"):
        while piece := source.read(1 << 20):
            taken += len(piece)
    assert taken < 60 << 20


def test_a_window_of_xz_that_needs_much_memory_is_refused():
    huge = lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}])
    with pytest.raises(ArchiveRefused, match="cannot be decompressed"):
        names(huge)


def block(**fields):
    info = tarfile.TarInfo(fields.pop("name", "x"))
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT)


END = bytes(1024)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no tar archive"),
        (block(), "it breaks off"),
        (block(size=600) + bytes(512), "ends within a file"),
        (TWO[: 512 + 5120 + 512 + 512], "it breaks off"),
        (block() + b"\xff" * 512 + END, "it breaks off, or a header in it is malformed"),
        (TWO + b"\0" * 512 + block(name="later") + END, "something behind its end"),
        (block(type=b"L", size=1 << 40) + END, "more headers than any needs"),
        (block(type=b"x", size=1 << 20) + bytes(1 << 20) + END, "more headers than any needs"),
        (block(type=b"x", size=512) + (b"9" * 512) + block() + END, "number that cannot be"),
        ((block(type=b"x", size=512) + bytes(512)) * 3000 + block() + END, "no tar|more headers"),
        (block(type=b"S") + END, "kind that is not known"),
        (block(name="x", type=b"0", size=-1) + END, "no tar|number that cannot be"),
    ],
)
def test_archives_that_break_a_rule(data, reason):
    with pytest.raises(ArchiveRefused, match=reason):
        names(data)


def pax(**headers):
    info = tarfile.TarInfo("x")
    info.pax_headers = headers
    return info.tobuf(tarfile.PAX_FORMAT)


def test_extended_headers_that_lie():
    with pytest.raises(ArchiveRefused, match=r"kind that is not known|no tar"):
        names(pax(**{"GNU.sparse.size": "1000000", "GNU.sparse.numblocks": "0"}) + END)
    with pytest.raises(ArchiveRefused):
        names(pax(size="99999999999999999999") + END)
    with pytest.raises(ArchiveRefused):
        names(pax(path="../x") + END)
    with pytest.raises(ArchiveRefused, match=r"has a number|no tar"):
        names(pax(uid="-5") + END)


def test_a_file_of_four_gibibytes_is_refused_by_its_header():
    with pytest.raises(ArchiveRefused, match=r"it has more than 4,294,967,295 bytes"):
        names(block(size=4 << 30) + END)


def test_what_is_not_read_of_a_content_is_passed_over():
    source = Decompressed(io.BytesIO(TWO), "a stream")
    found = []
    for member, content in read_tar(source, "a stream", Budget()):
        found.append((member.name, content.read(3)))
    assert found == [("a", b"111"), ("b", b"2")]
    assert source.read(1) == b""


def test_names_that_are_no_text_are_refused():
    raw = bytearray(block(name="abc"))
    raw[0:3] = b"\xff\xfe\xfd"
    raw[148:156] = f"{sum(raw[:148]) + sum(raw[156:512]) + 8 * 32:06o}\0 ".encode()
    with pytest.raises(ArchiveRefused, match="not UTF-8"):
        names(bytes(raw) + END)
