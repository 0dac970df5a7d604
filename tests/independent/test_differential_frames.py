"""What an enclave sends: the package's client and the second one judge it alike."""

import hashlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import cbor
from .contents import Operation, read_close, read_open
from .frames import Direction, Type
from .jws import Account
from .kem import KEMS
from .keys import X25519
from .pair import PRIVATE, RECEIPT_KEY, RUNTIME, Pair
from .strategies import VALUES, altered, encoded_maps

ACCOUNT = Account(bytes([3]) * 32)
NOTHING = hashlib.sha256().digest()
WANTED = {1: ACCOUNT.public, 2: X25519}

USAGE = {1: 1500, 2: 900, 3: 30 << 20, 4: True}
SALTS = {1: bytes([1]) * 32, 2: bytes([2]) * 32}
END = {1: NOTHING, 2: USAGE, 3: b"a receipt", 4: SALTS, 7: RECEIPT_KEY}
KEY_ANSWER = {**WANTED, 3: 1, 4: KEMS[X25519].public_key(PRIVATE[X25519])}
DESCRIPTION = {1: RUNTIME, 2: RECEIPT_KEY, 3: {1: 7, 2: 1, 3: 2, 4: 1_800_000_000_000, 5: 1}}
ERROR = {
    1: "FunctionError",
    2: "a message",
    3: {"type": "ValueError", "a": ""},
    4: b"a receipt",
    5: SALTS,
    6: RECEIPT_KEY,
}
ANSWERS = {Operation.KEY: KEY_ANSWER, Operation.DESCRIBE: DESCRIPTION}
# Only a run has a receipt.
ENDS = {Operation.RUN: END, Operation.DEPLOY: {1: NOTHING, 2: USAGE}} | {
    operation: {1: NOTHING, 2: USAGE, 6: answer} for operation, answer in ANSWERS.items()
}
many = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def in_session(operation):
    """Return both clients in a session with one call."""
    pair = Pair()
    match operation:
        case Operation.RUN:
            pair.run(nonce=bytes(32))
        case Operation.DEPLOY:
            pair.open(operation, lambda: pair.package.open_deploy("manifest", "proof"))
        case Operation.KEY:
            sent = lambda: pair.package.open_key(ACCOUNT.id, "x25519", [])
            pair.open(operation, sent, WANTED)
        case Operation.DESCRIBE:
            pair.open(operation, pair.package.open_describe)
    pair.establish()
    return pair


def judged(operation, type_, call, content):
    """Return the one verdict of both on the first frame of a session."""
    pair = in_session(operation)
    ours, package = pair.verdicts(pair.sealed(type_, call, content))
    assert ours == package
    return ours


@pytest.mark.parametrize("operation", Operation)
def test_what_is_altered_here_is_good(operation):
    assert judged(operation, Type.END, 1, cbor.encode(ENDS[operation])) is None
    unproven = {key: value for key, value in ERROR.items() if key not in {4, 5, 6}}
    error = ERROR if operation == Operation.RUN else unproven
    assert judged(operation, Type.ERROR, 1, cbor.encode(error)) is None
    assert judged(operation, Type.ERROR, 0, cbor.encode(ERROR)) is None


@many
@given(st.sampled_from(Operation), st.data())
def test_ends_of_any_members(operation, data):
    judged(operation, Type.END, 1, data.draw(encoded_maps(ENDS[operation])))


@many
@given(st.sampled_from([(2, USAGE), (4, SALTS)]), st.data())
def test_maps_in_an_end_of_any_members(inner, data):
    key, members = inner
    judged(Operation.RUN, Type.END, 1, with_encoded(END, key, data.draw(encoded_maps(members))))


@many
@given(st.sampled_from([*ANSWERS]), st.data())
def test_answers_of_any_members(operation, data):
    answer = data.draw(encoded_maps(ANSWERS[operation]))
    judged(operation, Type.END, 1, with_encoded(ENDS[operation], 6, answer))


@many
@given(st.data())
def test_a_present_state_of_any_members(data):
    state = data.draw(encoded_maps(DESCRIPTION[3]))
    answer = with_encoded(DESCRIPTION, 3, state)
    judged(Operation.DESCRIBE, Type.END, 1, with_encoded(ENDS[Operation.DESCRIBE], 6, answer))


@many
@given(st.sampled_from([0, 1]), st.data())
def test_errors_of_any_members(call, data):
    judged(Operation.RUN, Type.ERROR, call, data.draw(encoded_maps(ERROR)))


@many
@given(st.sampled_from([3, 5]), st.data())
def test_maps_in_an_error_of_any_members(key, data):
    content = with_encoded(ERROR, key, data.draw(encoded_maps(ERROR[key])))
    judged(Operation.RUN, Type.ERROR, 1, content)


@many
@given(VALUES)
def test_what_an_unknown_key_may_have(value):
    """Whatever is read is passed over; the rules of form hold inside it."""
    verdict = judged(Operation.RUN, Type.END, 1, cbor.encode(END | {99: value}))
    assert verdict == (None if depth(value) < 4 else "ProtocolError")


@pytest.mark.parametrize(("entries", "expected"), [(1024, None), (1025, "ProtocolError")])
def test_a_map_of_many_entries(entries, expected):
    many_keys = dict.fromkeys(range(entries), 0)
    assert judged(Operation.RUN, Type.END, 1, cbor.encode(END | {99: many_keys})) == expected
    details = {f"{number:04}": "" for number in range(entries)}
    assert judged(Operation.RUN, Type.ERROR, 1, cbor.encode(ERROR | {3: details})) == expected


def depth(value):
    match value:
        case dict():
            return 1 + max(map(depth, value.values()), default=0)
        case list():
            return 1 + max(map(depth, value), default=0)
    return 0


def with_encoded(members, key, encoded):
    """Return a map of which one value is given as bytes."""
    entries = {cbor.encode(number): cbor.encode(value) for number, value in members.items()}
    entries[cbor.encode(key)] = encoded
    return cbor.head(cbor.MAP, len(entries)) + b"".join(map(b"".join, sorted(entries.items())))


@many
@given(encoded_maps({1: 1000}))
def test_closes_of_any_members(content):
    judged(Operation.RUN, Type.CLOSE, 0, content)


GOOD = {
    Type.DATA: b"data",
    Type.END: cbor.encode({1: hashlib.sha256(b"data").digest()}),
    Type.ERROR: cbor.encode({1: "FunctionError", 2: ""}),
    Type.LOG: b"log",
    Type.CREDIT: (5).to_bytes(4, "big"),
    Type.CLOSE: cbor.encode({1: 1000}),
}
LARGE = st.sampled_from([64 << 10, 512 << 10, 1 << 20]).map(bytes)
CONTENTS = st.one_of(
    st.sampled_from([*GOOD.values(), b"", cbor.encode(END)]), st.binary(max_size=6), LARGE
)
NUMBERS = st.one_of(st.sampled_from([1, 2]), st.sampled_from([0, 3, 2**32 - 1]))
# Those that may come at some time, and others.
FRAMES = st.one_of(
    st.sampled_from(
        [
            *((type_, 0, call, content) for type_, content in GOOD.items() for call in (1, 2)),
            *((type_, 0, 0, GOOD[type_]) for type_ in (Type.CLOSE, Type.CLOSE, Type.ERROR)),
        ]
    ),
    st.tuples(
        st.one_of(st.sampled_from(Type), st.integers(0, 255)),
        st.one_of(st.just(0), st.integers(0, 2**24 - 1)),
        NUMBERS,
        CONTENTS,
    ),
)


@many
@given(st.lists(FRAMES, max_size=8))
def test_frames_of_any_kind_in_any_order(frames):
    """Two calls are open; what comes is judged until one of the frames is refused."""
    pair = Pair()
    pair.run(None)
    pair.run()
    pair.establish()
    for type_, rest, call, content in frames:
        head = bytes([type_]) + rest.to_bytes(3, "big") + call.to_bytes(4, "big")
        ours, package = pair.verdicts(pair.enclave.seal_behind(head, content))
        assert ours == package
        if ours is not None:
            return


@many
@given(st.sampled_from([*GOOD.items()]), st.data())
def test_altered_messages(good, data):
    pair = in_session(Operation.RUN)
    message = pair.sealed(good[0], 0 if good[0] == Type.CLOSE else 1, good[1])
    changed = data.draw(altered(message))
    ours, package = pair.verdicts(changed)
    assert ours == package
    assert ours == "ProtocolError" or changed == message


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1])
def test_a_frame_at_its_limit_and_above(size):
    pair = in_session(Operation.RUN)
    ours, package = pair.verdicts(pair.sealed(Type.DATA, 1, bytes(size)))
    assert ours == package == (None if size == 1 << 20 else "TooLarge")


TEXTS = st.text(max_size=30)
OPTIONAL = st.one_of(st.none(), TEXTS)


@many
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
    OPTIONAL,
    OPTIONAL,
    st.lists(TEXTS, max_size=3),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 2**64 - 1)),
    st.one_of(st.none(), st.binary(max_size=100)),
)
def test_an_open_of_the_package_is_read(
    checksum, nonce, token, proof, statements, shared, deadline, input_
):
    pair = Pair()
    sent = lambda: pair.package.open_run(
        checksum,
        call_nonce=nonce,
        token=token,
        owner_proof=proof,
        statements=statements,
        shared=shared,
        log=False,
        deadline_ms=deadline,
        input=input_,
        salts=None,
    )
    pair.open(Operation.RUN, sent)
    members = read_open(opened(pair).content)
    options = {1: shared or None, 3: deadline}
    options = {key: value for key, value in options.items() if value is not None}
    stated = {1: 1, 2: checksum, 3: token, 4: proof, 6: nonce, 9: input_}
    stated |= {8: options or None, 10: statements or None}
    assert members == {key: value for key, value in stated.items() if value is not None}


def opened(pair):
    """Return the client's first frame."""
    pair.establish()
    return Direction(pair.keys, "c2e").open(pair.opening)


def test_what_else_the_package_sends_is_read():
    pair = Pair()
    pair.run(None)
    pair.establish()
    enclave = Direction(pair.keys, "c2e")
    enclave.open(pair.opening)
    sent = [
        pair.package.data(1, b"data"),
        pair.package.end(1),
        pair.package.cancel(1),
        pair.package.close(1001),
    ]
    frames = [enclave.open(message) for message in sent]
    assert [(frame.type, frame.call) for frame in frames] == [
        (Type.DATA, 1),
        (Type.END, 1),
        (Type.CANCEL, 1),
        (Type.CLOSE, 0),
    ]
    assert [frame.content for frame in frames[:3]] == [b"data", b"\xa0", b""]
    assert read_close(frames[3].content) == 1001
