"""What the second client seals for accounts, opened by enclaves, and the keys for it."""

import time

import pytest

from . import envelope, header, payload, statements
from .conftest import deploy, refused
from .contents import Operation
from .keys import RSA, X25519, XWING, PrivateKey

KEMS = [pytest.param(X25519, id="x25519"), pytest.param(XWING, id="xwing")]
UTC = "%Y-%m-%dT%H:%M:%SZ"


@pytest.mark.parametrize("kem", KEMS)
@pytest.mark.parametrize("size", [0, 17, 100_000, 2_000_000])
def test_a_ciphertext_for_an_account_opens_in_its_function(alice, echo, kem, size):
    data = bytes(size)
    with alice.connect() as connection:
        ciphertext = alice.encrypt(connection, data, alice.account.id, kem=kem)
        assert alice.run(connection, echo, ciphertext) == data


def test_somebody_without_any_right_encrypts_for_an_account(alice, new_client, echo):
    bob = new_client()
    with bob.connect() as connection:
        ciphertext = bob.encrypt(connection, b"from bob", alice.account.id)
    with alice.connect() as connection:
        assert alice.run(connection, echo, ciphertext) == b"from bob"


@pytest.mark.parametrize("suite", payload.AEADS)
def test_one_envelope_for_an_account_and_for_keys_held_elsewhere(alice, echo, suite):
    own = [PrivateKey.generate(type_) for type_ in (RSA, X25519, XWING)]
    with alice.connect() as connection:
        account = [alice.account_key(connection, alice.account.id, kem) for kem in (XWING, X25519)]
        recipients = [key.public_key() for key in own] + account
        sealed = envelope.seal(b"for five", recipients, suite=suite)
        assert alice.run(connection, echo, envelope.to_text(sealed)) == b"for five"
    assert [envelope.open_(sealed, [key]).plaintext for key in own] == [b"for five"] * 3


@pytest.mark.parametrize("kem", KEMS)
def test_a_recipient_who_is_not_told(alice, echo, kem):
    with alice.connect() as connection:
        options = {"kem": kem, "anonymous": True}
        ciphertext = alice.encrypt(connection, b"anonymous", alice.account.id, **options)
        assert alice.run(connection, echo, ciphertext) == b"anonymous"


def test_anothers_function_does_not_open_it(alice, new_client, echo):
    bob = new_client()
    with alice.connect() as connection:
        ciphertext = alice.encrypt(connection, b"for bob", bob.account.id)
        with refused("DecryptFailed"):
            alice.run(connection, echo, ciphertext)


def test_what_is_no_envelope_of_version_2_for_this_function(alice, echo):
    with alice.connect() as connection:
        good = alice.encrypt(connection, b"x" * 20_000, alice.account.id)
        binary = envelope.from_text(good)
        first_chunk_ends = len(header.read(binary).octets) + payload.FRONT + 16_400
        with_aad = alice.encrypt(connection, b"x", alice.account.id, aad=b"aad")
        for ciphertext, name in (
            (with_aad, "DecryptFailed"),
            (envelope.to_text(binary[:-1] + bytes([binary[-1] ^ 1])), "DecryptFailed"),
            (envelope.to_text(binary[:-10]), "DecryptFailed"),
            (envelope.to_text(binary[:first_chunk_ends]), "Truncated"),
            (envelope.to_text(binary[:100]), "Truncated"),
            (good[:-1] + b"=", "UnsupportedFormat"),
            (b"cape:3:AAAA", "UnsupportedFormat"),
            (b"cape:AAAA", "UnsupportedFormat"),
        ):
            with refused(name):
                alice.run(connection, echo, ciphertext)
        # What does not begin with `cape:` is no envelope, the binary form neither.
        for data in (binary, b"cape", b"Cape:2:", b" cape:2:"):
            assert alice.run(connection, echo, data) == data


def test_it_is_opened_once(alice, echo):
    with alice.connect() as connection:
        inner = alice.encrypt(connection, b"inner", alice.account.id)
        outer = alice.encrypt(connection, inner, alice.account.id)
        assert alice.run(connection, echo, outer) == inner


# Use rules.


def test_use_rules_that_are_kept(alice, echo):
    later = time.strftime(UTC, time.gmtime(time.time() + 600)).encode()
    checksums = " ".join(sorted(["0" * 64, echo.checksum.hex()])).encode()
    with alice.connect() as connection:
        context = {"cape.functions": checksums, "cape.not_after": later, "note": b"\xff"}
        ciphertext = alice.encrypt(connection, b"x", alice.account.id, context=context)
        assert alice.run(connection, echo, ciphertext) == b"x"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cape.functions", b"0" * 64),
        ("cape.functions", b""),
        ("cape.not_after", b"2020-01-01T00:00:00Z"),
        ("cape.not_after", b"2099-01-01"),
        ("cape.not_after", b"2099-02-30T00:00:00Z"),
        ("cape.other", b""),
    ],
)
def test_use_rules_that_are_not_kept_not_known_or_malformed(alice, echo, key, value, monkeypatch):
    # Our own sealer refuses some of these as well.
    monkeypatch.setattr(envelope, "check_use_rules", lambda _: None)
    with alice.connect() as connection:
        context = {key: value}
        ciphertext = alice.encrypt(connection, b"x", alice.account.id, context=context)
        with refused("UseForbidden"):
            alice.run(connection, echo, ciphertext)


# Epochs.


def test_a_later_epoch_has_other_keys_and_old_ciphertexts_open_still(alice, echo):
    with alice.connect() as connection:
        first = alice.account_key(connection, alice.account.id)
        old = envelope.to_text(envelope.seal(b"old", [first]))
        record = statements.sign_epoch(alice.account, 5)
        alice.control_plane.put_epoch(alice.account.id, record)
        assert alice.control_plane.epoch(alice.account.id) == record
        second = alice.account_key(connection, alice.account.id)
        assert second != first
        new = envelope.to_text(envelope.seal(b"new", [second]))
        assert alice.run(connection, echo, old) == b"old"
        assert alice.run(connection, echo, new) == b"new"

        source = "def cape_handler(input): return input"
        later = deploy(alice, connection, source, min_epoch=5)
        assert alice.run(connection, later, new) == b"new"
        with refused("DecryptFailed"):
            alice.run(connection, later, old)


@pytest.mark.parametrize("kem", KEMS)
def test_a_recipient_of_a_later_epoch_who_is_not_told_is_tried_four_times(alice, echo, kem):
    with alice.connect() as connection:

        def sealed(epoch):
            record = statements.sign_epoch(alice.account, epoch)
            alice.control_plane.put_epoch(alice.account.id, record)
            options = {"kem": kem, "anonymous": True}
            return alice.encrypt(connection, b"anonymous", alice.account.id, **options)

        assert alice.run(connection, echo, sealed(3)) == b"anonymous"
        with refused("DecryptFailed"):
            alice.run(connection, echo, sealed(4))


def test_the_record_of_another_account_is_no_reason_to_change_keys(alice, new_client):
    record = statements.sign_epoch(new_client().account, 1)
    with alice.connect() as connection, refused("PermissionDenied"):
        members = {11: {1: alice.account.public, 2: XWING}, 10: [record]}
        connection.call(Operation.KEY, members)
