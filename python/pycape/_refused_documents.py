"""The attestation document in what the core refused: evidence, of which nothing is believed.

The form of what carries it is deterministic CBOR, which the core has judged by then. Spec:
docs/spec/session.md, ServerHello; docs/spec/receipt.md, file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Up to the length of the document: of the hello the suite is before it.
_HELLO = re.compile(rb"\xa6\x01(?:[\x00-\x17]|\x18.)\x02", re.DOTALL)
_FILE = re.compile(rb"\xa4\x01\x02\x02")

# What begins a byte string: its length in the head, or behind it. Nothing here has 64 KiB.
_BYTES = re.compile(rb"(?P<short>[\x40-\x57])|\x58(?P<one>.)|\x59(?P<two>..)", re.DOTALL)


def document_in_hello(hello: bytes) -> bytes | None:
    """Return the document in a ServerHello; None for what is none."""
    begins = _HELLO.match(hello)
    return None if begins is None else _byte_string(hello, begins.end())[0]


class ReceiptParts(NamedTuple):
    """What the file of a receipt has in it."""

    receipt: bytes
    key: bytes
    document: bytes


def parts_of_receipt_file(file: bytes) -> ReceiptParts | None:
    """Return what is in a receipt's file; None for what is none, or cut."""
    begins = _FILE.match(file)
    if begins is None:
        return None
    receipt, end = _byte_string(file, begins.end())
    key, end = _byte_string(file, end + 1)
    document, end = _byte_string(file, end + 1)
    if receipt is None or key is None or document is None or end > len(file):
        return None
    return ReceiptParts(receipt, key, document)


def _byte_string(data: bytes, start: int) -> tuple[bytes | None, int]:
    """Return the byte string that begins at a place, as far as it is there, and where it ends."""
    head = _BYTES.match(data, start)
    if head is None:
        return None, start
    length = head["one"] or head["two"] or bytes([head["short"][0] & 0x1F])
    end = head.end() + int.from_bytes(length)
    return data[head.end() : end], end
