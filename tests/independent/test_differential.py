"""Two implementations of one page: what either seals the other opens, and both refuse the same."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pycape.errors
from pycape import envelope as theirs
from pycape.keys import PrivateKey as TheirPrivateKey
from pycape.keys import PublicKey as TheirPublicKey

from . import envelope, errors, payload
from .keys import RSA, X25519, XWING, PrivateKey, PublicKey
from .text import bech32m

# Keys are made once: of an RSA key that takes longer than all the rest of a case.
OURS = [PrivateKey.generate(type_) for type_ in (X25519, X25519, XWING, XWING, RSA, RSA)]
THEIRS = [TheirPrivateKey.from_text(key.text) for key in OURS]

some_of_the_keys = st.sets(st.sampled_from(range(len(OURS))), min_size=1).map(sorted)
sizes = st.one_of(
    st.integers(0, 40),
    st.builds(
        lambda chunks, off: max(0, chunks * payload.CHUNK + off),
        st.integers(0, 5),
        st.integers(-2, 2),
    ),
    st.integers(0, 100_000),
)
plaintexts = st.builds(lambda size, octet: bytes([octet]) * size, sizes, st.integers(0, 255))
keys_of_a_context = st.text(max_size=20).filter(lambda key: not key.startswith("cape."))
contexts = st.dictionaries(keys_of_a_context, st.text(max_size=60), max_size=8)
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def encoded(context):
    return {key: value.encode() for key, value in context.items()}


@few
@given(plaintexts, some_of_the_keys, contexts, st.binary(max_size=50), st.data())
def test_ours_opens_what_the_package_sealed(plaintext, recipients, context, aad, data):
    public = [THEIRS[i].public_key for i in recipients]
    binary = envelope.from_text(theirs.seal(plaintext, public, context=context, aad=aad))
    assert len(binary) == theirs.sealed_size(len(plaintext), public, context=context)
    opener = OURS[data.draw(st.sampled_from(recipients))]
    opened = envelope.open_(binary, [opener], aad=aad)
    assert opened == envelope.Opened(plaintext, encoded(context))


@few
@given(
    plaintexts,
    some_of_the_keys,
    contexts,
    st.binary(max_size=50),
    st.sampled_from(sorted(payload.AEADS)),
    st.data(),
)
def test_the_package_opens_what_ours_sealed(plaintext, recipients, context, aad, suite, data):
    public = [OURS[i].public_key() for i in recipients]
    anonymous = len(recipients) <= 4 and data.draw(st.booleans())
    binary = envelope.seal(
        plaintext, public, context=encoded(context), aad=aad, suite=suite, anonymous=anonymous
    )
    form = data.draw(st.sampled_from([lambda octets: octets, envelope.to_text]))
    opener = data.draw(st.sampled_from(recipients))
    assert theirs.open(form(binary), THEIRS[opener], aad=aad) == plaintext
    inspected = theirs.inspect(form(binary))
    assert inspected.context == encoded(context)


@pytest.fixture(scope="module")
def small():
    """An envelope for one short key, so that a random change hits every part of it."""
    context = {"a": b"1", "b": b"2"}
    return envelope.seal(b"x" * 20, [OURS[0].public_key()], context=context)


def outcome(module, open_envelope):
    """Return the plaintext, or the name of the error."""
    try:
        return open_envelope()
    except (pycape.errors.CapeError, errors.CapeError) as error:
        assert type(error).__module__ == module.__name__
        return type(error).__name__


def same_outcome(binary):
    ours = outcome(errors, lambda: envelope.open_(binary, OURS[:1]).plaintext)
    assert outcome(pycape.errors, lambda: theirs.open(binary, THEIRS[0])) == ours
    return ours


def same_text_outcome(text):
    ours = outcome(errors, lambda: envelope.open_(envelope.from_text(text), OURS[:1]).plaintext)
    assert outcome(pycape.errors, lambda: theirs.open(text, THEIRS[0])) == ours
    return ours


@settings(few, max_examples=400)
@given(data=st.data())
def test_both_refuse_an_altered_envelope_in_the_same_way(small, data):
    changed = bytearray(small)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(small) - 1))] = data.draw(st.integers(0, 255))
    same_outcome(bytes(changed))


def test_both_refuse_every_cut_in_the_same_way(small):
    seen = {same_outcome(small[:length]) for length in range(len(small))}
    assert seen == {"UnsupportedFormat", "Truncated", "DecryptFailed"}
    seen = {same_outcome(small + bytes(extra)) for extra in (1, 15, 16, 16_400)}
    assert seen == {"DecryptFailed"}


def test_both_refuse_every_altered_byte_of_the_header_in_the_same_way(small):
    seen = set()
    for position in range(len(small)):
        for bit in range(8):
            changed = bytearray(small)
            changed[position] ^= 1 << bit
            seen.add(same_outcome(bytes(changed)))
    assert seen == {"UnsupportedFormat", "Truncated", "DecryptFailed"}


@few
@given(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)))
def test_both_read_the_same_texts(tail):
    for text in (b"cape:2:" + tail, b"cape:" + tail):
        same_text_outcome(text)


def test_both_refuse_every_cut_of_a_text_in_the_same_way(small):
    text = envelope.to_text(small)
    seen = {same_text_outcome(text[:length]) for length in range(len(text))}
    assert seen == {"UnsupportedFormat", "Truncated", "DecryptFailed"}


@pytest.mark.parametrize("index", range(len(OURS)))
def test_keys_in_text_are_the_same(index):
    ours, their = OURS[index], THEIRS[index]
    assert their.to_text() == ours.text
    assert their.public_key.to_text() == ours.public_key().text
    assert their.public_key.key_id == ours.public_key().key_id
    assert their.public_key.fingerprint == ours.public_key().fingerprint
    assert PublicKey.from_text(their.public_key.to_text()) == ours.public_key()


LOW_ORDER = [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255]


@pytest.mark.parametrize(
    ("type_", "octets"),
    [
        *((X25519, number.to_bytes(32, "little")) for number in LOW_ORDER),
        (X25519, bytes(31)),
        (X25519, b""),
        (XWING, OURS[2].public_key().octets[:-32] + bytes(32)),
        # A coefficient of ML-KEM's that is not below its modulus.
        (XWING, b"\xff\xff\xff" + OURS[2].public_key().octets[3:]),
        (XWING, OURS[2].public_key().octets[:-1]),
        (RSA, OURS[4].public_key().octets + b"\0"),
        (RSA, b""),
        (0x0021, bytes(32)),
    ],
)
def test_both_refuse_the_same_public_keys(type_, octets):
    text = "capepk", type_.to_bytes(2, "big") + octets
    ours = outcome(errors, lambda: PublicKey(type_, octets))
    assert ours in {"KeyInvalid", "UnsupportedFormat"}
    assert outcome(pycape.errors, lambda: TheirPublicKey.from_text(bech32m(*text))) == ours
