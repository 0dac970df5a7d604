"""Statements of any form: the package and the second implementation judge them alike."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.fixed import ALICE, BOB, NOW
from tests.conformance.statement import CHECKSUM
from tests.conformance.statement import MEMBERS as PUBLISHED

import pycape.errors
from pycape import _core

from . import jws, rights
from .jws import Account
from .pair import verdict
from .statements import EPOCH, MANIFEST, NAME, OWNER, REQUEST, REVOCATIONS, TOKEN, read_manifest
from .text import base64url

# Those of the conformance suite, with what may be left out.
MEMBERS = PUBLISHED | {
    MANIFEST: PUBLISHED[MANIFEST] | {"env": {"A": "b"}, "min_epoch": 3, "revocation_max_age_s": 60},
    TOKEN: PUBLISHED[TOKEN] | {"name": "for a friend"},
}
SENT = MEMBERS[REQUEST]["method"], MEMBERS[REQUEST]["path"], NOW * 1000


def read_owner_proof(text):
    """Read one as the package does when it shows what a file is: enclaves alone act on them."""
    if not text.startswith(base64url(jws.header(OWNER)) + "."):
        raise pycape.errors.ProtocolError("a statement of another type")
    _core.read_statement(text)


READERS = {
    MANIFEST: _core.Manifest.verify,
    TOKEN: _core.TokenClaims.read,
    OWNER: read_owner_proof,
    NAME: _core.verify_name_claim,
    EPOCH: _core.verify_epoch_record,
    REVOCATIONS: _core.RevocationList.verify,
    REQUEST: lambda text: _core.verify_request(text, *SENT),
}
many = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TYPES = st.sampled_from([*READERS])


# trust.md, errors: what is wrong in its form and in its signature has either class.
EITHER = {"ProtocolError", "PermissionDenied"}


def judged(type_, text, *, signed_anew=True):
    """Return the one verdict of both."""
    ours = verdict(lambda: read(type_, text))
    package = verdict(lambda: READERS[type_](text))
    assert package == ours or (not signed_anew and {package, ours} == EITHER)
    return ours


def read(type_, text):
    return rights.judge_request(text, *SENT) if type_ == REQUEST else rights.read(text, type_)


def signed(type_, payload, account=ALICE, header=None):
    header = jws.header(type_) if header is None else header
    message = f"{base64url(header)}.{base64url(payload)}"
    return f"{message}.{base64url(account.key.sign(message.encode()))}"


@pytest.mark.parametrize("type_", READERS)
def test_what_is_altered_here_is_good(type_):
    assert judged(type_, signed(type_, jws.compact(MEMBERS[type_]))) is None


# Values, and texts that are nearly what some member has.
NUMBERS = st.one_of(
    st.integers(-2, 2**54),
    st.sampled_from([0, 1, 2, 90 * 86_400, 2**32 - 16, 2**32 - 15, 2**32 - 1, 2**32, 2**53 - 1]),
    st.sampled_from([NOW - 121, NOW - 120, NOW + 120, NOW + 121, 86_400, 86_401, 2**20, 2**20 + 1]),
)
EXAMPLES = sorted({value for it in MEMBERS.values() for value in it.values() if type(value) is str})
TEXTS = st.one_of(
    st.text(max_size=10),
    st.text("abAB01-_./:é\0\u2028", max_size=12),
    st.sampled_from(EXAMPLES),
    st.sampled_from([BOB.id, "3.0", "3.01", "3.1000", "call", "function", "a.b:c", "a:b", "1:a"]),
    st.sampled_from([1, 32, 33, 64, 65, 128, 129]).map(lambda size: "a" * size),
    st.builds(lambda text, tail: text + tail, st.sampled_from(EXAMPLES), st.text(max_size=2)),
    st.builds(lambda text, cut: text[:cut], st.sampled_from(EXAMPLES), st.integers(-3, 3)),
    st.sampled_from(EXAMPLES).map(str.upper),
)
VALUES = st.recursive(
    st.one_of(NUMBERS, TEXTS, st.booleans(), st.none(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)


def changes(type_):
    """Draw values for some of the members, `...` to leave one out."""
    names = st.one_of(st.sampled_from([*MEMBERS[type_]]), st.sampled_from(["more", "v", "account"]))
    return st.dictionaries(names, st.one_of(VALUES, st.just(...)), min_size=1, max_size=2)


@settings(many, max_examples=500)
@given(TYPES, st.data())
def test_members_of_any_value(type_, data):
    members = {**MEMBERS[type_], **data.draw(changes(type_))}
    members = {name: value for name, value in members.items() if value is not ...}
    # Where another account is named its signature is missing too.
    own = members.get("iss" if type_ == TOKEN else "account") == ALICE.id
    judged(type_, signed(type_, jws.compact(members)), signed_anew=own)


@many
@given(st.dictionaries(st.one_of(st.sampled_from("AB_"), TEXTS), TEXTS, max_size=66))
def test_environments(environment):
    judged(MANIFEST, signed(MANIFEST, jws.compact({**MEMBERS[MANIFEST], "env": environment})))


@pytest.mark.parametrize("size", [16_384, 16_385])
@pytest.mark.parametrize("letter", ["a", "é"])
def test_an_environment_at_its_limit_and_above(size, letter):
    value = letter * ((size - 2) // len(letter.encode())) + "b" * (size % 2)
    env = {"A": value, "B" * (size - 1 - len(value.encode())): ""}
    text = signed(MANIFEST, jws.compact({**MEMBERS[MANIFEST], "env": env}))
    assert judged(MANIFEST, text) == (None if size == 16_384 else "ProtocolError")


@many
@given(TYPES, st.lists(st.sampled_from(" \n\t\r"), max_size=4), st.data())
def test_a_payload_that_is_written_in_another_way(type_, spaces, data):
    """White space, escapes, and the order of members are the author's."""
    members = dict(data.draw(st.permutations([*MEMBERS[type_].items()])))
    space = "".join(spaces)
    options = {"ensure_ascii": data.draw(st.booleans()), "separators": (f"{space},", f":{space}")}
    payload = f"{space}{json.dumps(members, **options)}{space}"
    place = data.draw(st.integers(0, len(payload) - 1))
    if payload[place].isalnum() and data.draw(st.booleans()):
        payload = f"{payload[:place]}\\u{ord(payload[place]):04x}{payload[place + 1 :]}"
    judged(type_, signed(type_, payload.encode()))


@settings(many, max_examples=400)
@given(TYPES, st.data())
def test_a_payload_of_which_some_bytes_are_others(type_, data):
    payload = jws.compact(MEMBERS[type_])
    for _ in range(data.draw(st.integers(1, 2))):
        begin = data.draw(st.integers(0, len(payload)))
        octets = data.draw(st.one_of(st.binary(max_size=3), PIECES))
        payload = payload[:begin] + octets + payload[begin + data.draw(st.integers(0, 4)) :]
    judged(type_, signed(type_, payload))


PIECES = st.sampled_from(
    [
        *(b'"', b"\\", b"\\u0000", b"\\ud800", b"\\ud83d\\ude00", b"\\/", b"\\x", b"\xc3\xa9"),
        *(b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x7f", b"\x1f", b"\xc0\x80", b"\xf4\x90\x80\x80"),
        *(b"1e3", b"1.0", b"-0", b"-1", b"01", b"+1", b"NaN", b"Infinity", b"true", b"null"),
        *(b"9007199254740991", b"9007199254740992", b"00", b"1_0", b"\xd9\xa1", b"0x1", b"1E0"),
        *(b"{}", b"[]", b",", b":", b"}", b"]", b'"v":2,', b',"v":2', b'"\\u0076":2,', b"//", b" "),
        *(b"[" * 40, b"[" * 200, b'{"a":' * 130, b"\0"),
    ]
)


@many
@given(TYPES, st.data())
def test_a_text_of_which_some_characters_are_others(type_, data):
    text = signed(type_, jws.compact(MEMBERS[type_]))
    for _ in range(data.draw(st.integers(1, 2))):
        begin = data.draw(st.integers(0, len(text)))
        piece = data.draw(st.text("AQgwz01-_.=+/ \né", max_size=2))
        text = text[:begin] + piece + text[begin + data.draw(st.integers(0, 3)) :]
    judged(type_, text, signed_anew=False)


def test_every_cut_of_a_text():
    for type_ in READERS:
        text = signed(type_, jws.compact(MEMBERS[type_]))
        for length in range(0, len(text), 3):
            assert judged(type_, text[:length], signed_anew=False) is not None


@many
@given(TYPES, st.sampled_from([*MEMBERS]), st.booleans(), st.data())
def test_a_statement_of_another_type_or_account(type_, other, forged, data):
    account = BOB if forged else ALICE
    header = jws.header(data.draw(st.sampled_from([type_, other])))
    said = data.draw(st.sampled_from([type_, other]))
    text = signed(type_, jws.compact(MEMBERS[said]), account, header)
    judged(type_, text, signed_anew=not forged)


HEADERS = st.sampled_from(
    [
        *(b"{}", b"", b"null", b'{"alg":"none","typ":"%s"}', b'{"typ":"%s","alg":"EdDSA"}'),
        *(b'{"alg":"EdDSA", "typ":"%s"}', b'{"alg":"EdDSA","typ":"%s","kid":""}'),
        *(b'{"alg":"EdDSA","typ":"%s"} ', b'{"alg":"Ed25519","typ":"%s"}', b'{"alg":"EdDSA"}'),
    ]
)


@many
@given(TYPES, HEADERS)
def test_another_header(type_, header):
    header = header.replace(b"%s", type_.encode())
    assert judged(type_, signed(type_, jws.compact(MEMBERS[type_]), header=header)) is not None


ORDER = 2**252 + 27742317777372353535851937790883648493


@many
@given(TYPES, st.integers(0, 511), st.integers(0, 8))
def test_altered_signatures(type_, bit, orders):
    """A bit of R or S; or S with the group's order added, for which the equation holds too."""
    front, payload, signature = signed(type_, jws.compact(MEMBERS[type_])).split(".")
    octets = bytearray(jws.from_base64url(signature))
    if orders:
        larger = int.from_bytes(octets[32:], "little") + orders * ORDER
        octets[32:] = (larger % 2**256).to_bytes(32, "little")
    else:
        octets[bit // 8] ^= 1 << bit % 8
    text = f"{front}.{payload}.{base64url(octets)}"
    assert judged(type_, text) == ("TokenInvalid" if type_ == TOKEN else "PermissionDenied")


@pytest.mark.parametrize("type_", READERS)
def test_a_statement_at_its_longest_and_above(type_):
    """White space fills it: 4 characters hold 3 bytes."""
    front = signed(type_, jws.compact(MEMBERS[type_]))
    spaces = (jws.LIMIT - len(front)) * 3 // 4
    texts = [
        signed(type_, jws.compact(MEMBERS[type_]) + b" " * (spaces + more)) for more in range(-3, 4)
    ]
    verdicts = [judged(type_, text) for text in texts]
    assert [verdict is None for verdict in verdicts] == [len(it) <= jws.LIMIT for it in texts]
    assert {len(it) <= jws.LIMIT for it in texts} == {True, False}


# What either signs, the other reads.
SEEDS = st.binary(min_size=32, max_size=32)
NAMES = st.from_regex(r"(?!cape1)[a-z][a-z0-9-]{2,31}", fullmatch=True)
TIMES = st.integers(0, 2**40)


@many
@given(SEEDS, SEEDS, NAMES, st.integers(1, 2**32 - 1), TIMES, st.data())
def test_what_the_package_signs_is_read(seed, session, name, epoch, now_ms, data):
    package, account = _core.Account.from_seed(seed), Account(seed)
    assert package.id == account.id
    proof = package.sign_owner_proof(base64url(session))
    assert read(OWNER, proof).members["session"] == base64url(session)
    members = {"v": 2, "account": account.id, "session": base64url(session)}
    assert signed(OWNER, jws.compact(members), account) == proof
    assert read(NAME, package.sign_name_claim(name)).members["name"] == name
    assert read(EPOCH, package.sign_epoch_record(epoch)).members["epoch"] == epoch
    label = data.draw(st.one_of(st.none(), st.from_regex(r"[ -~]{1,128}", fullmatch=True)))
    lifetime = data.draw(st.integers(1, 90 * 86_400))
    token = read(TOKEN, package.sign_token(CHECKSUM, lifetime, label, now_ms)).members
    assert (token["exp"] - token["iat"], token.get("name")) == (lifetime, label)
    jtis = data.draw(st.lists(st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True), max_size=3))
    listed = read(REVOCATIONS, package.sign_revocations(epoch, jtis, [CHECKSUM], now_ms)).members
    assert (listed["number"], sorted(listed["jtis"])) == (epoch, sorted(jtis))


@many
@given(st.data())
def test_checksums_and_ids_of_manifests(data):
    """What follows from a manifest that is good."""
    members = {**MEMBERS[MANIFEST], "env": data.draw(st.dictionaries(NAMES, NAMES, max_size=3))}
    members["env"] = {name.replace("-", "_"): value for name, value in members["env"].items()}
    text = signed(MANIFEST, jws.compact(members))
    ours, package = read_manifest(text), _core.Manifest.verify(text)
    assert (ours.checksum.hex(), ours.id) == (package.checksum, package.function_id)
