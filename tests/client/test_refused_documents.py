"""The document in what was refused, whatever that is: bytes to keep, and never an error."""

import pytest

from pycape._refused_documents import document_in_hello, parts_of_receipt_file


@pytest.mark.parametrize("suite", [b"\x01", b"\x17", b"\x18\x64"])
@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, 5000, 32768])
def test_the_document_of_a_hello(suite, size):
    hello = b"\xa6\x01" + suite + b"\x02" + byte_string(bytes(size)) + b"\x03\x41x\x04\x41y"
    assert document_in_hello(hello) == bytes(size)


def test_what_is_no_hello_has_none():
    for hello in (b"", b"\xa6", b"\xa6\x01\x01", b"\xa6\x01\x01\x02", b"\xa6\x01\x01\x02\x61x"):
        assert document_in_hello(hello) is None


def test_a_hello_that_is_cut_has_what_is_there():
    assert document_in_hello(b"\xa6\x01\x01\x02\x59\x10\x00abc") == b"abc"
    assert document_in_hello(b"\xa6\x01\x01\x02\x59\x10") is None


def test_the_parts_of_a_receipts_file():
    parts = [b"receipt" * 50, b"key", b"document" * 1000]
    file = b"\xa4\x01\x02" + b"".join(
        bytes([number]) + byte_string(part) for number, part in enumerate(parts, 2)
    )
    assert [*parts_of_receipt_file(file)] == parts
    for end in (0, 3, 4, 100, *range(len(file) - 8003, len(file))):
        assert parts_of_receipt_file(file[:end]) is None


def byte_string(data: bytes) -> bytes:
    """Return a byte string in the shortest CBOR."""
    size = len(data)
    if size < 24:
        return bytes([0x40 | size]) + data
    head = b"\x58" if size < 256 else b"\x59"
    return head + size.to_bytes(1 if size < 256 else 2) + data
