"""What is written to is never what is read: Rust relies on it."""

import pytest

from pycape import _core, envelope

KEY = _core.PrivateKey.generate("x25519")
RECIPIENTS = [KEY.public_key]


def sealer() -> _core.StreamSealer:
    return _core.StreamSealer(RECIPIENTS, {}, b"", anonymous=False)


def sealed() -> tuple[bytes, bytearray]:
    """Return the head of an envelope of nothing, and its one chunk, which is the tag."""
    sealing, chunks = sealer(), bytearray(64)
    size = sealing.finish(b"", chunks)
    return sealing.head, chunks[:size]


def opener() -> _core.StreamOpener:
    return _core.StreamOpener(sealed()[0], KEY, b"")


def random_access() -> _core.RandomAccess:
    head, chunks = sealed()
    return _core.RandomAccess(head, KEY, b"", len(chunks), chunks)


@pytest.mark.parametrize(
    "call",
    [
        lambda read, written: envelope.seal_into(read, RECIPIENTS, written),
        lambda read, written: envelope.seal_into(b"x", RECIPIENTS, written, aad=read),
        lambda read, written: sealer().seal(read, written),
        lambda read, written: sealer().finish(read, written),
        lambda read, written: opener().open(read, written),
        lambda read, written: opener().finish(read, written),
        lambda read, written: random_access().open(0, read, written),
    ],
    ids=["data", "aad", "seal", "finish", "open", "finish opening", "ranges"],
)
@pytest.mark.parametrize(
    ("read", "written"),
    [
        (slice(None), slice(None)),
        (slice(0, 5), slice(4, None)),
        (slice(4, None), slice(0, 5)),
        (slice(8, 9), slice(None)),
    ],
)
def test_overlapping_buffers_are_refused(call, read, written):
    memory = memoryview(bytearray(40_000))
    with pytest.raises(ValueError, match="overlaps"):
        call(memory[read], memory[written])
    assert bytes(memory) == bytes(40_000)


def test_neighbours_do_not_overlap():
    memory = memoryview(bytearray(b"hello" + bytes(600)))
    size = envelope.seal_into(memory[:5], RECIPIENTS, memory[5:], aad=memory[300:300])
    assert envelope.open(memory[5 : 5 + size], KEY) == b"hello"
