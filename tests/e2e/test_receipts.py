"""Receipts of a real enclave: what they prove to the caller, and later to others."""

import asyncio
import hashlib
import io
from datetime import UTC, datetime, timedelta

import pytest

from pycape import AsyncCape, attestation, errors, policy, receipts
from pycape.demo import echo_folder

from .conftest import exactly, hostile, user

REASONS = {
    "function": {"checksum": "00" * 32},
    "call_nonce": {"call_nonce": bytes(32)},
    "input": {"input": b"hellO"},
    "ciphertext": {"input": b"cape:2:hello"},
    "output": {"output": b""},
}


@pytest.fixture
def judge(platform):
    """Judge a file as somebody who has nothing but the platform's policy and root."""
    trusted = {
        "policy": policy.Policy.from_toml(platform.profile.policy_toml),
        "trust_roots": platform.profile.roots(),
    }
    return lambda file, **asked: receipts.verify(file, **{**trusted, **asked})


@pytest.fixture
def result(alice, echo):
    return alice.call(echo, None, b"hello")


def test_a_receipt_says_what_ran_on_what_and_when(alice, echo, result):
    before = datetime.now(UTC)
    receipt = alice.call(echo, None, b"hello").receipt
    assert receipt.checksum == echo.checksum
    assert receipt.outcome == "success"
    assert before - timedelta(seconds=1) <= receipt.started <= datetime.now(UTC)
    assert receipt.duration_us > 0
    assert receipt.sequence > result.receipt.sequence
    assert receipt.ciphertext_digest is None
    assert receipt.attestation.document_sha384 == receipt.document_sha384
    assert receipt.session != result.receipt.session, "each call had a session of its own"
    assert receipt.call_nonce != result.receipt.call_nonce


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
def test_it_holds_for_others_with_the_salts_and_the_data(alice, echo, judge, size):
    data = bytes(size)
    receipt = alice.call(echo, None, data).receipt
    asked = {"salts": receipt.salts, "checksum": echo.checksum}
    judged = judge(receipt.to_bytes(), input=data, output=data, **asked)
    assert judged.receipt == receipt.receipt
    assert judged.to_bytes() == receipt.to_bytes()


def test_it_holds_years_later(result, judge):
    later = datetime.now(UTC) + timedelta(days=4000)
    assert judge(result.receipt.to_bytes(), now=later).sequence == result.receipt.sequence


@pytest.mark.parametrize("reason", REASONS)
def test_it_holds_for_nothing_else(result, judge, reason):
    asked = {"salts": result.receipt.salts, "input": b"hello", "output": b"hello"}
    with exactly(errors.ReceiptInvalid) as refused:
        judge(result.receipt.to_bytes(), **{**asked, **REASONS[reason]})
    assert refused.value.reason == reason


def test_the_file_alone_says_nothing_of_the_data(result, judge):
    file = result.receipt.to_bytes()
    for secret in (b"hello", hashlib.sha256(b"hello").digest(), result.receipt.salts[3:35]):
        assert secret not in file
    assert judge(file).salts is None
    with exactly(errors.ReceiptInvalid, match="without its salt"):
        judge(file, input=b"hello")
    assert "hello" not in repr(result.receipt)


def test_without_the_right_policy_or_root_it_proves_nothing(result, judge, platform):
    file = result.receipt.to_bytes()
    with exactly(errors.TrustRootMismatch):
        judge(file, trust_roots=attestation.TrustRoots.aws())
    other = platform.profile.policy_toml.replace(result.verified.vault.hex(), "00" * 32)
    with exactly(errors.VaultMismatch):
        judge(file, policy=policy.Policy.from_toml(other))


def test_a_ciphertext_is_named_and_needs_no_salts(alice, echo, judge):
    sealed = alice.encrypt(b"secret")
    receipt = alice.call(echo, None, sealed).receipt
    assert receipt.ciphertext_digest == hashlib.sha256(sealed).hexdigest()
    judge(receipt.to_bytes(), input=sealed)
    judge(receipt.to_bytes(), input=b"secret", output=b"secret", salts=receipt.salts)
    with exactly(errors.ReceiptInvalid) as refused:
        judge(receipt.to_bytes(), input=alice.encrypt(b"secret"))
    assert refused.value.reason == "ciphertext"


def test_what_was_passed_to_a_call_may_be_passed_to_whoever_verifies(alice, echo, judge):
    """In text or binary form: what went to the enclave, and what the receipt names, is the text."""
    binary = io.BytesIO()
    alice.encrypt_stream(io.BytesIO(b"secret"), binary)
    for passed in (binary.getvalue(), bytearray(binary.getvalue()), alice.encrypt(b"secret")):
        receipt = alice.call(echo, None, passed).receipt
        judge(receipt.to_bytes(), input=passed)
        judge(receipt.to_bytes(), input=passed, salts=receipt.salts)
    another = io.BytesIO()
    alice.encrypt_stream(io.BytesIO(b"secret"), another)
    for asked, reason in (({}, "ciphertext"), ({"salts": receipt.salts}, "input")):
        with exactly(errors.ReceiptInvalid) as refused:
            judge(receipt.to_bytes(), input=another.getvalue(), **asked)
        assert refused.value.reason == reason


def test_an_envelope_in_an_envelope_is_what_the_handler_was_given(alice, echo, judge):
    """In binary form, whole or not: only the outer one was opened on the way."""
    inner = io.BytesIO()
    alice.encrypt_stream(io.BytesIO(b"secret"), inner)
    for given in (inner.getvalue(), inner.getvalue()[:10]):
        receipt = alice.call(echo, None, alice.encrypt(given)).receipt
        judge(receipt.to_bytes(), input=given, output=given, salts=receipt.salts)


def test_a_run_that_failed_has_one_at_its_error(alice, folder_of, judge):
    broken = alice.deploy(folder_of("def cape_handler(data):\n    raise ValueError(data)\n"))
    with exactly(errors.FunctionError) as failed:
        alice.call(broken, None, b"data")
    receipt = failed.value.receipt
    assert (receipt.outcome, receipt.output_digest) == ("FunctionError", None)
    judged = judge(receipt.to_bytes(), input=b"data", salts=receipt.salts)
    assert judged.outcome == "FunctionError"
    with exactly(errors.ReceiptInvalid) as refused:
        judge(receipt.to_bytes(), output=b"", salts=receipt.salts)
    assert refused.value.reason == "outcome"


def test_what_fails_before_the_handler_begins_has_none(alice, folder_of):
    unimportable = alice.deploy(
        folder_of("raise ValueError('no')\ndef cape_handler(d):\n    return d\n")
    )
    with exactly(errors.FunctionError) as failed:
        alice.call(unimportable, None, b"data")
    assert failed.value.receipt is None


def test_the_async_client_has_the_same(platform, alice, echo, judge, tmp_path):
    async def call():
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            return await cape.call(echo, None, b"hello")

    receipt = asyncio.run(call()).receipt
    judge(receipt.to_bytes(), input=b"hello", output=b"hello", salts=receipt.salts)


def test_calls_of_one_connection_have_rising_numbers_and_one_session(alice, echo):
    with alice.function_context(echo, None) as function:
        made = [function.call(b"x").receipt for _ in range(4)]
    numbers = [receipt.sequence for receipt in made]
    assert numbers == sorted(set(numbers))
    assert len({receipt.session for receipt in made}) == 1
    assert len({receipt.call_nonce for receipt in made}) == 4


# What a host can do to receipts: it sees frames, and the files that people hand on.


def test_a_host_that_replays_an_old_end(run_through, echo):
    """The END of the first session, receipt and all, in the place of the second's."""
    ends = []

    def replay(number: int, message: bytes) -> bytes:
        if number != 1:
            return message
        ends.append(message)
        return ends[0]

    with exactly(errors.ProtocolError):
        run_through(echo, b"same", b"same", to_client=replay)
    assert len(ends) == 2


def test_a_host_that_replays_an_end_of_the_same_session(platform, alice, echo, tmp_path):
    ends = []

    def replay(number: int, message: bytes) -> bytes:
        ends.append(message)
        return ends[-2] if number == 3 else message

    with (
        hostile(platform, tmp_path / "alice", to_client=replay) as cape,
        cape.function_context(echo, None) as function,
    ):
        assert function.invoke(b"same") == b"same"
        with exactly(errors.ProtocolError):
            function.invoke(b"same")


def test_a_host_that_drops_the_end(run_through, echo):
    drop = lambda number, message: None if number == 1 else message
    with exactly(errors.StreamTruncated):
        run_through(echo, b"x", to_client=drop)


def parts(receipt):
    return receipt.receipt, receipt.key, receipt.attestation.document


def file_of(receipt, key, document):
    """Put a file together, as docs/spec/receipt.md says."""
    head = lambda octets: bytes([0x59]) + len(octets).to_bytes(2, "big")
    return b"\xa4\1\2" + b"".join(
        bytes([number]) + (head(part) if len(part) > 255 else bytes([0x58, len(part)])) + part
        for number, part in ((2, receipt), (3, key), (4, document))
    )


def test_a_swapped_receipt(alice, echo, judge):
    """Parts of two files, both genuine, of the same function, input and output."""
    one, other = (alice.call(echo, None, b"x").receipt for _ in range(2))
    assert file_of(*parts(one)) == one.to_bytes()
    mixed = file_of(other.receipt, one.key, one.attestation.document)
    with exactly(errors.ReceiptInvalid) as refused:
        judge(mixed)
    assert refused.value.reason == "document"
    asked = {"call_nonce": bytes.fromhex(one.call_nonce)}
    judge(one.to_bytes(), **asked)
    with exactly(errors.ReceiptInvalid) as refused:
        judge(other.to_bytes(), **asked)
    assert refused.value.reason == "call_nonce"
    with exactly(errors.ReceiptInvalid) as refused:
        judge(other.to_bytes(), salts=one.salts, input=b"x")
    assert refused.value.reason == "input"


def test_a_receipt_of_another_platform_with_this_ones_document(
    platform, own_platform, alice, echo, judge, tmp_path
):
    with user(own_platform, tmp_path / "mallory") as mallory:
        theirs = mallory.call(mallory.deploy(echo_folder()), None, b"x").receipt
    mine = alice.call(echo, None, b"x").receipt
    with exactly(errors.ReceiptInvalid) as refused:
        judge(file_of(theirs.receipt, theirs.key, mine.attestation.document))
    assert refused.value.reason == "key"
    with exactly(errors.ReceiptInvalid) as refused:
        judge(file_of(theirs.receipt, mine.key, mine.attestation.document))
    assert refused.value.reason == "signature"
    with exactly(errors.TrustRootMismatch):
        judge(theirs.to_bytes())


def test_every_bit_of_a_file_counts(result, judge):
    """One bit in each of 200 places, spread over the file."""
    file = result.receipt.to_bytes()
    for position in range(0, len(file), len(file) // 200):
        changed = bytearray(file)
        changed[position] ^= 1
        with pytest.raises(errors.AttestationError):
            judge(changed)


def test_inspecting_says_that_nothing_was_verified(result):
    claimed = receipts.inspect(result.receipt.to_bytes())
    assert type(claimed) is receipts.UnverifiedReceipt
    assert repr(claimed).startswith("<UnverifiedReceipt ")
    assert claimed.checksum == result.receipt.checksum
    assert not hasattr(claimed, "to_bytes")
    assert isinstance(result.receipt, receipts.VerifiedReceipt)
