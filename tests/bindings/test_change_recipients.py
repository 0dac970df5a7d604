"""Recipients of an envelope that exists already."""

import io

import pytest

from pycape import envelope, errors
from pycape._envelope_streams import _WINDOW_CHUNKS, CHUNK
from pycape.keys import PrivateKey

ALICE, BOB, CAROL = (PrivateKey.generate(kind) for kind in ("x25519", "xwing", "x25519"))
DATA = b"data" * CHUNK * (_WINDOW_CHUNKS // 2)


def text() -> bytes:
    return envelope.seal(DATA, [ALICE.public_key, BOB.public_key], context={"note": "x"})


def binary() -> bytes:
    recipients = [ALICE.public_key, BOB.public_key]
    buffer = bytearray(envelope.sealed_size(len(DATA), recipients))
    envelope.seal_into(DATA, recipients, buffer)
    return bytes(buffer)


def as_stream(data, private_key, **change) -> bytes:
    writer = io.BytesIO()
    written = envelope.change_recipients_stream(io.BytesIO(data), writer, private_key, **change)
    assert written == len(writer.getvalue())
    return writer.getvalue()


WAYS = [
    pytest.param(envelope.change_recipients, text, id="text"),
    pytest.param(envelope.change_recipients, binary, id="binary"),
    pytest.param(as_stream, binary, id="stream"),
]


def payload(sealed: bytes) -> bytes:
    return sealed[envelope.inspect(sealed).header_size :]


@pytest.mark.parametrize(("change", "sealed"), WAYS)
def test_added_and_removed(change, sealed):
    before = sealed()
    added = change(before, BOB, add=[CAROL.public_key])
    assert added[:4] == before[:4]
    for key in (ALICE, BOB, CAROL):
        assert envelope.open(added, key) == DATA
    removed = change(added, CAROL, remove=[ALICE.public_key, BOB.public_key.key_id])
    assert envelope.open(removed, CAROL) == DATA
    for key in (ALICE, BOB):
        with pytest.raises(errors.DecryptFailed, match="not for this key"):
            envelope.open(removed, key)
    assert envelope.inspect(removed).context == envelope.inspect(before).context


def test_the_payload_stays_as_it_is():
    before = binary()
    for change in (envelope.change_recipients, as_stream):
        after = change(before, ALICE, add=[CAROL.public_key], remove=[BOB.public_key])
        assert payload(after) == payload(before)


def test_who_is_added_may_stay_untold():
    added = as_stream(binary(), ALICE, add=[CAROL.public_key], anonymous=True)
    assert envelope.inspect(added).recipients[2].key_id == bytes(8)
    assert envelope.open(added, CAROL) == DATA


def test_progress_is_told_in_bytes_read():
    told, sealed = [], binary()
    as_stream(sealed, ALICE, add=[CAROL.public_key], progress=told.append)
    assert told == sorted(told)
    assert told[-1] == len(sealed)


@pytest.mark.parametrize(("change", "sealed"), WAYS)
@pytest.mark.parametrize(
    ("change_of", "error", "reason"),
    [
        ({"remove": [ALICE.public_key, BOB.public_key]}, ValueError, "0 recipients"),
        ({"remove": [CAROL.public_key]}, ValueError, "is not there"),
        ({"remove": [bytes(8)]}, ValueError, "not told"),
        ({"remove": [b"short"]}, (TypeError, ValueError), None),
        ({"remove": ["capepk1"]}, TypeError, None),
        ({"remove": [ALICE]}, TypeError, None),
        ({"add": [BOB.public_key]}, ValueError, "there twice"),
        ({"add": [CAROL.public_key] * 2}, ValueError, "there twice"),
        ({"add": [CAROL]}, TypeError, None),
        (
            {"add": [PrivateKey.generate("x25519").public_key for _ in range(31)]},
            ValueError,
            "33 recipients",
        ),
        (
            {
                "add": [PrivateKey.generate("x25519").public_key for _ in range(5)],
                "anonymous": True,
            },
            ValueError,
            "5 anonymous",
        ),
    ],
    ids=[
        "the last",
        "unknown",
        "anonymous",
        "short",
        "text",
        "private",
        "there",
        "twice",
        "private added",
        "33",
        "5 anonymous",
    ],
)
def test_what_is_refused(change, sealed, change_of, error, reason):
    with pytest.raises(error, match=reason):
        change(sealed(), ALICE, **change_of)


@pytest.mark.parametrize(("change", "sealed"), WAYS)
def test_it_takes_a_recipients_key(change, sealed):
    with pytest.raises(errors.DecryptFailed):
        change(sealed(), CAROL, add=[CAROL.public_key])


@pytest.mark.parametrize("length", [0, 1, 15, 16, 47, 48, 52])
def test_a_header_too_short_for_its_parts(length):
    altered = bytearray(binary())
    altered[12:16] = length.to_bytes(4)
    for change in (envelope.change_recipients, as_stream):
        with pytest.raises(errors.UnsupportedFormat):
            change(altered, ALICE, add=[CAROL.public_key])


def test_envelopes_that_will_not_do():
    sealed = binary()
    altered = bytearray(sealed)
    altered[40] ^= 1
    with pytest.raises(errors.DecryptFailed):
        as_stream(altered, ALICE, add=[CAROL.public_key])
    for length in (10, 100):
        with pytest.raises(errors.Truncated):
            as_stream(sealed[:length], ALICE, add=[CAROL.public_key])
        with pytest.raises(errors.Truncated):
            envelope.change_recipients(sealed[:length], ALICE, add=[CAROL.public_key])
    with pytest.raises(errors.UnsupportedFormat, match="text form"):
        as_stream(text(), ALICE, add=[CAROL.public_key])
    with pytest.raises(errors.UnsupportedFormat):
        envelope.change_recipients(b"cape:AAAA", ALICE, add=[CAROL.public_key])
