"""The envelopes of `tests/vectors/envelope/`, each with one defect, through the public API."""

import base64
import io
import json
from pathlib import Path

import pytest

from pycape import envelope, errors
from pycape.keys import PrivateKey

VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "envelope").glob("*.json"))


def by_stream(most: int):
    """Open as a stream, of which some bytes are read at a time."""

    class Reader(io.BytesIO):
        def readinto(self, buffer) -> int:
            return super().readinto(memoryview(buffer)[:most])

    def opened(sealed: bytes, key: PrivateKey) -> bytes:
        writer = io.BytesIO()
        envelope.open_stream(Reader(sealed), writer, key)
        return writer.getvalue()

    return opened


def by_ranges(size: int):
    """Open from the end to the beginning, some bytes at a time."""

    def opened(sealed: bytes, key: PrivateKey) -> bytes:
        reader = envelope.EnvelopeReader(io.BytesIO(sealed), key)
        parts = []
        for begin in reversed(range(0, reader.size, size)):
            reader.seek(begin)
            parts.append(reader.read(size))
        return b"".join(reversed(parts))

    return opened


def by_change(sealed: bytes, key: PrivateKey) -> bytes:
    """Open what changing nothing about the recipients makes of it."""
    return envelope.open(envelope.change_recipients(sealed, key), key)


def by_changed_stream(sealed: bytes, key: PrivateKey) -> bytes:
    writer = io.BytesIO()
    envelope.change_recipients_stream(io.BytesIO(sealed), writer, key)
    return envelope.open(writer.getvalue(), key)


WAYS = [by_stream(1), by_stream(7), by_stream(16_399), by_ranges(997), by_ranges(16_384)]
WAYS += [by_change, by_changed_stream]


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_it_is_refused_with_its_class(path: Path) -> None:
    vector = json.loads(path.read_text())
    key = PrivateKey.from_text(vector["private_key"])
    text = vector["text"]
    ways = [(envelope.open, text.encode())]
    if text.startswith("cape:2:"):
        ways.append((by_change, text.encode()))
    if "text_only" not in vector:
        encoded = text.removeprefix("cape:2:")
        binary = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        ways += [(way, binary) for way in (envelope.open, *WAYS)]
    for way, sealed in ways:
        # Whoever holds the key himself opens without use rules.
        if "plaintext" in vector or "enforces_use_rules" in vector:
            plaintext = vector.get("plaintext", b"secret".hex())
            assert way(sealed, key) == bytes.fromhex(plaintext)
        else:
            with pytest.raises(errors.CapeError) as refused:
                way(sealed, key)
            assert type(refused.value).__name__ == vector["error"]


def test_they_are_all_there() -> None:
    assert len(VECTORS) == 114
