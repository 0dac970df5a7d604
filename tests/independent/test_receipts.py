"""Two verifiers of receipts: both accept the same, and refuse the others for the same reason."""

import datetime
import hashlib
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycape.errors
from pycape import attestation as their_attestation
from pycape import policy as their_policy
from pycape import receipts as theirs

from . import cbor, errors, minted, policy, receipt, receipt_vectors
from .calls import Operation
from .conftest import deploy

VECTORS = Path(__file__).parents[1] / "vectors" / "receipts"


def load(path):
    case = json.loads(path.read_text())
    asked = {
        name: bytes.fromhex(value) if isinstance(value, str) else value
        for name, value in case["asked"].items()
    }
    return case, bytes.fromhex(case["file"]), asked


def release(case):
    pcrs = "".join(f'pcr{index} = "{value}"\n' for index, value in case["pcrs"].items())
    return f'[[release]]\nname = "one"\n{pcrs}vault = "{case["vault"]}"\n'


def ours(case, file, asked):
    salts = receipt.read_salts(asked["salts"]) if "salts" in asked else None
    receipt.verify_file(
        file,
        receipt.Asked(**{**asked, "salts": salts}),
        trust_roots=[bytes.fromhex(case["trust_root"])],
        releases=policy.read(release(case)),
        now_ms=case["now_ms"],
    )


def the_packages(case, file, asked):
    checksum = asked.get("checksum")
    theirs.verify(
        file,
        policy=their_policy.parse(release(case), "policy"),
        trust_roots=their_attestation.TrustRoots([bytes.fromhex(case["trust_root"])]),
        now=minted.EPOCH + datetime.timedelta(milliseconds=case["now_ms"]),
        **{**asked, "checksum": checksum and checksum.hex()},
    )


def verdict(verify, case, file, asked):
    """Return the error's class and its reason, or None twice."""
    try:
        verify(case, file, asked)
    except (errors.CapeError, pycape.errors.CapeError) as error:
        return type(error).__name__, getattr(error, "reason", None)
    return None, None


def test_the_files_are_those_that_are_made():
    assert receipt_vectors.files() == {path.name: path.read_text() for path in VECTORS.iterdir()}


def test_each_reason_of_the_page_has_a_file():
    """But for `use`, which a document for sessions cannot give, and those of END."""
    page = (Path(__file__).parents[2] / "docs" / "spec" / "receipt.md").read_text()
    section = page.partition("## Verification")[2].partition("### What a client checks")[0]
    rows = re.findall(r"^\|.*\| ([^|]*) \|$", section, re.MULTILINE)
    reasons = {name for row in rows for name in re.findall(r"`(\w+)`", row)} | {"salts"}
    shown = {json.loads(path.read_text())["reason"] for path in VECTORS.iterdir()}
    assert reasons - shown == {"use", "receipts"}
    assert shown - reasons == {None}


def test_there_are_vectors_of_every_field_and_of_acceptance():
    names = {path.stem for path in VECTORS.glob("*.json")}
    assert len(names) > 120
    assert {
        f"field_{number}_{what}" for number in range(1, 13) for what in ("missing", "type")
    } <= names
    assert len({name for name in names if name.startswith("good")}) == 11


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_vectors(path):
    case, file, asked = load(path)
    expected = (case["error"], case["reason"])
    assert verdict(ours, case, file, asked) == expected
    if not asked.keys() & ASKED_IN_SESSIONS:
        assert verdict(the_packages, case, file, asked) == expected


# What a client asks of the receipts of its own session: the package asks it of no file.
ASKED_IN_SESSIONS = {"session", "after"}


GOOD = receipt_vectors.Case("good", "", receipt_vectors.of_fields(receipt_vectors.FIELDS))
CASE = GOOD.to_json()


def agree(file, asked=GOOD.asked):
    judged = verdict(ours, CASE, file, asked)
    assert judged == verdict(the_packages, CASE, file, asked)
    return judged


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**64), 2**64 - 1),
    st.sampled_from([0, 1, 2, 41, receipt_vectors.MADE_MS]),
    st.text(max_size=70),
    st.sampled_from(["FunctionError", "Cancelled", "A" * 64]),
    st.binary(max_size=50),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=48, max_size=48),
    st.sampled_from([value for value in receipt_vectors.FIELDS.values() if value is not None]),
)


# Nothing is asked about these here: an input that is no ciphertext may be what was in one.
FREE = {receipt.CIPHERTEXT, receipt.STARTED, receipt.DURATION, receipt.SEQUENCE, receipt.SESSION}


@settings(max_examples=150, deadline=None)
@given(st.integers(-1, 13), VALUES)
def test_a_field_of_any_value(number, value):
    good = receipt_vectors.FIELDS
    error, _reason = agree(receipt_vectors.of_fields({**good, number: value}))
    assert error is not None or number in FREE or good[number] == value


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.integers(-1, 14), VALUES, min_size=2, max_size=4))
def test_fields_of_any_values(changes):
    agree_on_check(receipt_vectors.of_fields({**receipt_vectors.FIELDS, **changes}))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(GOOD.file) - 1), st.binary(max_size=6), st.integers(0, 6))
def test_files_with_a_part_replaced(start, octets, removed):
    file = GOOD.file[:start] + octets + GOOD.file[start + removed :]
    error, _reason = agree_on_check(file)
    assert (error is None) == (file == GOOD.file)


# Reasons of one check, of which several may hold at once: the page orders the checks, and what is
# asked, and not the rules of form.
ONE_CHECK = [
    {"size", "file"},
    {
        *("size", "cbor", "tag", "protected_header", "unprotected_header"),
        *("payload_size", "signature_size"),
    },
    {
        *("payload_cbor", "field_missing", "field_unknown", "field_type", "field_range"),
        *("version", "output_and_outcome"),
    },
]


def test_the_page_has_these_reasons_in_one_check():
    page = (Path(__file__).parents[2] / "docs" / "spec" / "receipt.md").read_text()
    rows = re.findall(r"^\| [123]\. .*\| (.*) \|$", page, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == ONE_CHECK


def agree_on_check(file):
    """Compare classes, and reasons but for those of one check."""
    judged = verdict(ours, CASE, file, GOOD.asked)
    package = verdict(the_packages, CASE, file, GOOD.asked)
    assert judged[0] == package[0]
    reasons = {judged[1], package[1]}
    assert len(reasons) == 1 or any(reasons <= check for check in ONE_CHECK)
    return package


PLAIN = st.binary(max_size=100).filter(lambda data: not data.startswith(receipt.MARK))


@settings(max_examples=60, deadline=None)
@given(PLAIN, st.binary(max_size=100), st.booleans())
def test_data_of_any_form(data, output, sealed):
    sent = receipt.MARK + data if sealed else data
    fields = {
        **receipt_vectors.FIELDS,
        receipt.INPUT: hashlib.sha256(receipt_vectors.SALTS.input + data).digest(),
        receipt.OUTPUT: hashlib.sha256(receipt_vectors.SALTS.output + output).digest(),
        receipt.CIPHERTEXT: hashlib.sha256(sent).digest() if sealed else None,
    }
    file = receipt_vectors.of_fields(fields)
    asked = {**GOOD.asked, "input": sent, "output": output}
    assert agree(file, asked) == (None, None)
    assert agree(file, {**asked, "output": output + b"!"}) == ("ReceiptInvalid", "output")
    wrong = "ciphertext" if sealed else "input"
    assert agree(file, {**asked, "input": sent + b"!"}) == ("ReceiptInvalid", wrong)


# Of real enclaves.


NONCE = bytes(range(32))


def proven(connection, function, members, data, **asked):
    """Judge what came beside the end of a call."""
    proof = receipt.read(members["receipt"])
    compared = receipt.Asked(
        checksum=function.checksum,
        session=connection.leaf,
        call_nonce=NONCE,
        input=data,
        salts=members["salts"],
        **asked,
    )
    return proof.verify(members["key"], connection.document, connection.verified, compared)


def of_end(end):
    salts = receipt.Salts(end[4][1], end[4].get(2))
    return {"receipt": end[3], "salts": salts, "key": end[7]}


def of_error(failure):
    members = failure.members
    return {
        "receipt": members[4],
        "salts": receipt.Salts(members[5][1], members[5].get(2)),
        "key": members[6],
    }


def run(client, connection, function, data):
    members = client.opening(connection, function, None) | {6: NONCE}
    return connection.call(Operation.RUN, members, data)


def test_receipts_of_a_real_enclave_hold_here(alice, echo):
    with alice.connect(echo) as connection:
        numbers = []
        for data in (b"", b"hello", bytes(70_000), bytes(2_000_000)):
            call = run(alice, connection, echo, data)
            output = bytes(call.output)
            fields = proven(connection, echo, of_end(call.end), data, output=output)
            assert fields[receipt.CIPHERTEXT] is None
            numbers.append(fields[receipt.SEQUENCE])
        assert numbers == sorted(set(numbers))


def test_a_receipt_of_a_ciphertext(alice, echo):
    with alice.connect(echo) as connection:
        sealed = alice.encrypt(connection, b"secret", alice.account.id)
        call = run(alice, connection, echo, sealed)
        fields = proven(connection, echo, of_end(call.end), sealed, output=b"secret")
        salt = call.end[4][1]
        assert fields[receipt.INPUT] == hashlib.sha256(salt + b"secret").digest()


def test_a_receipt_of_a_failure(alice):
    with alice.connect() as connection:
        broken = deploy(alice, connection, "def cape_handler(input):\n    raise ValueError('no')\n")
        with pytest.raises(errors.Refused) as failed:
            run(alice, connection, broken, b"data")
        fields = proven(connection, broken, of_error(failed.value), b"data", error="FunctionError")
        assert fields[receipt.OUTPUT] is None


def test_a_call_that_asks_for_no_receipt_has_none(alice, echo):
    with alice.connect(echo) as connection:
        members = alice.opening(connection, echo, None)
        call = connection.call(Operation.RUN, members, b"x")
        assert not {3, 4, 7, 8} & call.end.keys()


def test_a_real_receipt_in_a_file_holds_for_both(alice, echo):
    with alice.connect(echo) as connection:
        call = run(alice, connection, echo, b"hello")
        file = receipt.write_file(call.end[3], call.end[7], connection.document)
    wanted = alice.profile.releases[0]
    case = {
        "pcrs": {str(index): value.hex() for index, value in wanted.pcrs.items()},
        "vault": wanted.vault.hex(),
        "trust_root": alice.profile.trust_roots[0].hex(),
        "now_ms": receipt.read(call.end[3]).fields[receipt.STARTED] + 10**10,
    }
    asked = {
        "checksum": echo.checksum,
        "call_nonce": NONCE,
        "input": b"hello",
        "output": b"hello",
        "salts": cbor.encode(call.end[4]),
    }
    assert verdict(ours, case, file, asked) == (None, None)
    assert verdict(the_packages, case, file, asked) == (None, None)
