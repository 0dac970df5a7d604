"""A directory that lies about names and epochs: each test is named after the lie.

Nothing is sent to an enclave, nothing is remembered, and what was remembered stays.
Spec: docs/spec/trust.md, user name and encryption keys.
"""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pycape import _core, errors

from .doubles import answer, problem

BOB = _core.Account.from_seed(bytes([1]) * 32)
EVE_SEED = bytes([2]) * 32
EVE = _core.Account.from_seed(EVE_SEED)


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def signed_by_eve(typ: str, header: dict | None = None, **payload) -> str:
    """Return a statement that names whom it likes, with Eve's signature."""
    header = header or {"alg": "EdDSA", "typ": typ}
    parts = (json.dumps(part, separators=(",", ":")).encode() for part in (header, payload))
    signed = ".".join(map(encoded, parts))
    signature = Ed25519PrivateKey.from_private_bytes(EVE_SEED).sign(signed.encode())
    return f"{signed}.{encoded(signature)}"


def with_payload_of(statement: str, other: str) -> str:
    """Return a statement with the payload of another, and the signature that it had."""
    header, _, signature = statement.split(".")
    return f"{header}.{other.split('.')[1]}.{signature}"


BOBS_CLAIM = BOB.sign_name_claim("bob")
BOBS_EPOCH = BOB.sign_epoch_record(2)

LIES_ABOUT_A_NAME = {
    "a claim of another account, validly signed by it": (
        EVE.sign_name_claim("bob"),
        errors.RecipientChanged,
    ),
    "a claim that another account signed": (
        signed_by_eve("cape-name+jws", v=2, account=BOB.id, name="bob"),
        errors.PermissionDenied,
    ),
    "a claim of the account's to another name": (
        BOB.sign_name_claim("robert"),
        errors.RecipientUnknown,
    ),
    "another account's claim to another name": (
        EVE.sign_name_claim("eve"),
        errors.RecipientUnknown,
    ),
    "a claim whose name was altered": (
        with_payload_of(BOB.sign_name_claim("robert"), BOBS_CLAIM),
        errors.PermissionDenied,
    ),
    "a claim whose account was altered": (
        with_payload_of(BOBS_CLAIM, EVE.sign_name_claim("bob")),
        errors.PermissionDenied,
    ),
    "a claim without a signature": (BOBS_CLAIM.rpartition(".")[0] + ".", errors.ProtocolError),
    "a claim with the algorithm none": (
        signed_by_eve("", {"alg": "none", "typ": "cape-name+jws"}, v=2, account=EVE.id, name="bob"),
        errors.ProtocolError,
    ),
    "a claim with a member more": (
        signed_by_eve("cape-name+jws", v=2, account=EVE.id, name="bob", also="eve"),
        errors.ProtocolError,
    ),
    "another statement of the account's": (BOBS_EPOCH, errors.ProtocolError),
    "a token of the account's": (
        BOB.sign_token("ab" * 32, 60, None, 1_800_000_000_000),
        errors.ProtocolError,
    ),
    "a claim of a megabyte": (BOBS_CLAIM + "A" * (1 << 20), errors.ProtocolError),
    "no claim at all": ("", errors.ProtocolError),
    "garbage": ("\0ü😀" * 50, errors.ProtocolError),
}


@pytest.fixture
def remembered(cape):
    """The names that are remembered: bob is."""
    cape._platform.known_accounts.trust("bob", BOB.id)
    return lambda: dict(cape._platform.known_accounts)


@pytest.mark.parametrize("lie", LIES_ABOUT_A_NAME)
def test_a_known_name(cape, script, remembered, lie):
    claim, expected = LIES_ABOUT_A_NAME[lie]
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": claim, "account": BOB.id})
    for ask in (cape.account_of, cape.functions, lambda name: cape.encrypt(b"x", username=name)):
        with pytest.raises(expected) as raised:
            ask("bob")
        assert type(raised.value) is expected
    assert remembered() == {"bob": BOB.id}
    assert cape._transport.connects == []


@pytest.mark.parametrize("lie", [lie for lie in LIES_ABOUT_A_NAME if "validly" not in lie])
def test_a_name_that_is_new_here(cape, script, lie):
    claim, expected = LIES_ABOUT_A_NAME[lie]
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": claim})
    for ask in (cape.account_of, cape.trust_account):
        with pytest.raises(expected):
            ask("bob")
    assert dict(cape._platform.known_accounts) == {}


def test_a_claim_that_was_made_for_another_platform(cape, script, caplog):
    """Claims name no platform: the first one is believed, and shown; after that it is too late."""
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": EVE.sign_name_claim("bob")})
    assert cape.account_of("bob") == EVE.id
    assert f"bob is {EVE.id}: remembered from now on" in caplog.text
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": BOBS_CLAIM})
    with pytest.raises(errors.RecipientChanged):
        cape.account_of("bob")


def test_another_account_while_somebody_accepts_a_change(cape, script, remembered):
    """Between the comparison and the acceptance the directory changes its mind once more."""
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": EVE.sign_name_claim("bob")})
    carol = _core.Account.generate()
    with pytest.raises(errors.RecipientChanged) as raised:
        cape.trust_account("bob", carol.id)
    assert raised.value.details == {"name": "bob", "expected": carol.id, "now": EVE.id}
    assert remembered() == {"bob": BOB.id}
    assert cape.trust_account("bob", EVE.id) == EVE.id
    for none in ("", "bob", "cape1", carol.id.upper()):
        with pytest.raises(errors.KeyInvalid):
            cape.trust_account("bob", none)


@pytest.mark.parametrize(
    "said",
    [
        problem(404, "NotFound"),
        problem(409, "RecipientChanged"),
        problem(200, "RecipientUnknown"),
        answer(200, {"account": EVE.id}),
        answer(200, {"claim": [EVE.id]}),
        answer(200, b"<html>"),
        answer(204, b""),
        answer(302, b"", Location="http://127.0.0.1:2/"),
    ],
    ids=lambda said: f"{said.status} {said.content[:16]!r}",
)
def test_a_name_that_is_hidden_or_answered_with_garbage(cape, script, remembered, said):
    script.answers["GET /v2/names/bob"] = said
    with pytest.raises(errors.CapeError):
        cape.encrypt(b"x", username="bob")
    assert remembered() == {"bob": BOB.id}
    assert cape._transport.connects == []


# Epochs

LIES_ABOUT_AN_EPOCH = {
    "a lower epoch": (BOB.sign_epoch_record(1), errors.RecipientChanged),
    "no epoch": (None, errors.RecipientChanged),
    "the epoch of another account": (EVE.sign_epoch_record(9), errors.ProtocolError),
    "a far epoch that another account signed": (
        signed_by_eve("cape-epoch+jws", v=2, account=BOB.id, epoch=2**32 - 1),
        errors.PermissionDenied,
    ),
    "an epoch that was altered": (
        with_payload_of(BOBS_EPOCH, BOB.sign_epoch_record(9)),
        errors.PermissionDenied,
    ),
    "an epoch beyond all": (
        signed_by_eve("cape-epoch+jws", v=2, account=EVE.id, epoch=2**32),
        errors.ProtocolError,
    ),
    "an epoch below all": (
        signed_by_eve("cape-epoch+jws", v=2, account=EVE.id, epoch=0),
        errors.ProtocolError,
    ),
    "another statement of the account's": (BOBS_CLAIM, errors.ProtocolError),
    "garbage": ("x" * 100, errors.ProtocolError),
}


@pytest.mark.parametrize("lie", LIES_ABOUT_AN_EPOCH)
def test_an_account_whose_epoch_is_known(cape, script, lie):
    record, expected = LIES_ABOUT_AN_EPOCH[lie]
    epochs = cape._platform.keys.known_epochs
    epochs.learn(BOB.id, 2)
    if record is not None:
        script.answers[f"GET /v2/accounts/{BOB.id}/epoch"] = answer(200, {"record": record})
    operation = cape._platform.keys.epoch(BOB.id)
    with pytest.raises(expected) as raised:
        cape._drive(operation)
    assert type(raised.value) is expected
    assert epochs.get(BOB.id) == 2
    assert epochs.get(EVE.id) == 0


def test_the_epoch_that_is_known_and_a_higher_one_are_taken(cape, script):
    path = f"GET /v2/accounts/{BOB.id}/epoch"
    for epoch in (2, 2, 3, 2**32 - 1):
        record = BOB.sign_epoch_record(epoch)
        script.answers[path] = answer(200, {"record": record, "epoch": 0})
        assert cape._drive(cape._platform.keys.epoch(BOB.id)) == (record, epoch)
        assert cape._platform.keys.known_epochs.get(BOB.id) == epoch
