"""Streams, ranges, recipients and version 1: two implementations of one page."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pycape.errors
from pycape import envelope as theirs
from pycape.keys import PrivateKey as TheirPrivateKey

from . import envelope, errors, payload, version_one
from .keys import RSA, X25519, XWING, PrivateKey
from .test_differential import contexts, encoded, few, outcome, plaintexts

KEY, OTHER, RSA_KEY = (PrivateKey.generate(type_) for type_ in (X25519, XWING, RSA))
THEIRS = {key: TheirPrivateKey.from_text(key.text) for key in (KEY, OTHER, RSA_KEY)}


class Reads(io.BytesIO):
    """Gives some bytes at a time."""

    most = 1000

    def readinto(self, buffer) -> int:
        return super().readinto(memoryview(buffer)[: self.most])


def reads(data, most: int) -> Reads:
    reader = Reads(data)
    reader.most = most
    return reader


def stream_opened(binary: bytes, most: int) -> bytes:
    writer = io.BytesIO()
    theirs.open_stream(reads(binary, most), writer, THEIRS[KEY])
    return writer.getvalue()


@few
@given(plaintexts, contexts, st.binary(max_size=50), st.booleans(), st.integers(1, 40_000))
def test_ours_opens_what_the_package_streamed(plaintext, context, aad, anonymous, most):
    writer = io.BytesIO()
    public = [THEIRS[key].public_key for key in (KEY, OTHER)]
    options = {"context": context, "aad": aad, "anonymous": anonymous}
    theirs.seal_stream(reads(plaintext, max(most, 100)), writer, public, **options)
    assert len(writer.getvalue()) == theirs.sealed_size(len(plaintext), public, context=context)
    opened = envelope.open_(writer.getvalue(), [OTHER], aad=aad)
    assert opened == envelope.Opened(plaintext, encoded(context))


@few
@given(plaintexts, contexts, st.sampled_from(sorted(payload.AEADS)), st.data())
def test_the_package_reads_any_range_of_what_ours_sealed(plaintext, context, suite, data):
    binary = envelope.seal(plaintext, [KEY.public_key()], context=encoded(context), suite=suite)
    reader = theirs.EnvelopeReader(io.BytesIO(binary), THEIRS[KEY])
    assert (reader.size, reader.context) == (len(plaintext), encoded(context))
    for _ in range(10):
        begin = data.draw(st.integers(0, len(plaintext) + 10))
        size = data.draw(st.integers(0, len(plaintext) + 10))
        reader.seek(begin)
        assert reader.read(size) == plaintext[begin : begin + size]


@pytest.fixture(scope="module")
def sealed():
    return envelope.seal(b"x" * 33_000, [KEY.public_key()], context={"a": b"1"})


@few
@given(data=st.data())
def test_whole_streamed_and_by_ranges_an_altered_envelope_has_one_verdict(sealed, data):
    changed = bytearray(sealed)
    changed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    binary = bytes(changed)
    ours = outcome(errors, lambda: envelope.open_(binary, [KEY]).plaintext)
    most = data.draw(st.integers(50, 40_000))
    whole = outcome(pycape.errors, lambda: theirs.open(binary, THEIRS[KEY]))
    streamed = outcome(pycape.errors, lambda: stream_opened(binary, most))
    ranges = lambda: theirs.EnvelopeReader(io.BytesIO(binary), THEIRS[KEY]).read()
    assert [whole, streamed, outcome(pycape.errors, ranges)] == [ours] * 3


@few
@given(data=st.data())
def test_whole_streamed_and_by_ranges_a_cut_envelope_is_refused(sealed, data):
    binary = sealed[: data.draw(st.integers(0, len(sealed) - 1))]
    ours = outcome(errors, lambda: envelope.open_(binary, [KEY]).plaintext)
    streamed = outcome(pycape.errors, lambda: stream_opened(binary, 40_000))
    ranges = lambda: theirs.EnvelopeReader(io.BytesIO(binary), THEIRS[KEY]).read()
    assert [streamed, outcome(pycape.errors, ranges)] == [ours] * 2
    assert ours in {"Truncated", "DecryptFailed", "UnsupportedFormat"}


@few
@given(plaintexts, contexts)
def test_ours_opens_what_the_package_gave_another_recipient(plaintext, context):
    binary = envelope.seal(plaintext, [KEY.public_key()], context=encoded(context))
    public = THEIRS[OTHER].public_key
    added = theirs.change_recipients(binary, THEIRS[KEY], add=[public])
    for key in (KEY, OTHER):
        assert envelope.open_(added, [key]) == envelope.Opened(plaintext, encoded(context))
    alone = theirs.change_recipients(added, THEIRS[OTHER], remove=[KEY.public_key().key_id])
    assert envelope.open_(alone, [OTHER]).plaintext == plaintext
    with pytest.raises(errors.DecryptFailed):
        envelope.open_(alone, [KEY])


@few
@given(plaintexts)
def test_version_1_both_ways(plaintext):
    public = RSA_KEY.public_key()
    assert theirs.open(version_one.seal(plaintext, public), THEIRS[RSA_KEY]) == plaintext
    text = theirs.seal(plaintext, [THEIRS[RSA_KEY].public_key], format="v1")
    assert version_one.open_(text, RSA_KEY) == plaintext


@few
@given(data=st.data())
def test_both_refuse_an_altered_text_of_version_1_in_the_same_way(data):
    text = bytearray(version_one.seal(b"x" * 20, RSA_KEY.public_key()))
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(5, len(text) - 1))] = data.draw(st.integers(0, 255))
    if b":" in text[5:]:
        return  # Not of version 1 any more.
    cut = bytes(text[: data.draw(st.integers(300, len(text)))])
    ours = outcome(errors, lambda: version_one.open_(cut, RSA_KEY))
    assert outcome(pycape.errors, lambda: theirs.open(cut, THEIRS[RSA_KEY])) == ours
