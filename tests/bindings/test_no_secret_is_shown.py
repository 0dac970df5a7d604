"""What Python prints, copies or stores of the core's objects holds no secret."""

import ast
import base64
import copy
import json
import pickle
import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.bindings.test_garbage_into_the_core import INSTANCES, RECEIPT, STATEMENTS, STUB
from tests.images import made

from pycape import _core, keys
from pycape.errors import CapeError

SECRET = bytes.fromhex(STATEMENTS["account_seed"])

ACCOUNT = _core.Account.from_seed(SECRET)
PRIVATE_KEY = _core.PrivateKey.from_raw("x25519", SECRET)

SALTS = bytes.fromhex(RECEIPT["asked"]["salts"])


def image_signer() -> tuple[_core.ImageSigner, bytes]:
    """Return one, and its private key."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = made.signer(Path(folder))
        secret = load_pem_private_key(key.read_bytes(), None).private_numbers().private_value
        signer = _core.ImageSigner(certificate.read_bytes(), key.read_bytes())
        return signer, secret.to_bytes(48, "big")


SIGNER, SIGNING_KEY = image_signer()

#: What holds a secret, with what must not be seen of it.
SECRETS = {
    "Account": (ACCOUNT, [SECRET, ACCOUNT.to_text()[14:].encode()]),
    "ImageSigner": (SIGNER, [SIGNING_KEY]),
    "PrivateKey": (PRIVATE_KEY, [SECRET, PRIVATE_KEY.to_text()[7:].encode()]),
    "VerifiedReceipt": (INSTANCES["VerifiedReceipt"](), [SALTS]),
}

#: What is public, or was said by the enclave, the account or the person in the open.
WITHOUT_SECRETS = {
    "AccountKey",
    "Certificate",
    "ChainCache",
    "CloseEvent",
    "CreditEvent",
    "Description",
    "EnvelopeHeader",
    "ErrorEvent",
    "IsolationLayer",
    "Manifest",
    "Policy",
    "PublicKey",
    "Release",
    "RevocationList",
    "RuntimeDescription",
    "RuntimeLimits",
    "SigningCertificate",
    "Stanza",
    "TokenClaims",
    "TrustRoots",
    "UnverifiedAttestation",
    "UnverifiedReceipt",
    "VerifiedAttestation",
}


def notations(secret: bytes) -> list[bytes]:
    """Return how parts of it may be written."""
    written = []
    for start in range(0, len(secret) - 7, 8):
        part = secret[start : start + 8]
        numbers = [", ".join(map(str, part)), ",".join(map(str, part)), repr(part)[2:-1]]
        encoded = [base64.b64encode(part)[:10], base64.urlsafe_b64encode(part)[:10]]
        written += [part, part.hex().encode(), part.hex().upper().encode(), *encoded]
        written += [number.encode() for number in numbers]
    return written


def shown(value: object) -> bytes:
    """Return all that printing, formatting and looking inside gives."""
    texts = [repr(value), str(value), f"{value}", f"{value!a}", json.dumps(value, default=repr)]
    texts += [repr(getattr(value, "__dict__", None)), repr([value]), repr({"key": value})]
    return "\n".join(texts).encode()


def test_every_class_was_looked_at():
    classes = {node.name for node in STUB.body if isinstance(node, ast.ClassDef)}
    unprinted = {name for name in classes if getattr(_core, name).__repr__ is object.__repr__}
    assert classes - unprinted <= SECRETS.keys() | WITHOUT_SECRETS
    # The default `repr` shows an address, and there is nothing else to see.
    for name in unprinted & INSTANCES.keys():
        assert not hasattr(INSTANCES[name](), "__dict__")


@pytest.mark.parametrize("name", SECRETS)
def test_it_shows_no_secret(name):
    value, secrets = SECRETS[name]
    for secret in secrets:
        for notation in notations(secret):
            assert notation not in shown(value)


def test_what_would_be_shown_is_found():
    assert any(notation in shown(SECRET) for notation in notations(SECRET))
    assert any(notation in shown(list(SECRET)) for notation in notations(SECRET))
    assert any(notation in shown(SECRET.hex()) for notation in notations(SECRET))


@pytest.mark.parametrize("name", SECRETS)
def test_it_cannot_be_stored_or_copied(name):
    value, _ = SECRETS[name]
    for store in (pickle.dumps, copy.copy, copy.deepcopy, vars):
        with pytest.raises(TypeError):
            store(value)


def test_errors_about_a_secret_do_not_tell_it():
    text = PRIVATE_KEY.to_text()
    for wrong in (text[:-1], text + "q", text.replace("capesk", "capepk")):
        with pytest.raises((CapeError, ValueError)) as caught:
            keys.PrivateKey.from_text(wrong)
        assert all(
            notation not in shown(caught.value) for notation in notations(text[7:-8].encode())
        )
    with pytest.raises((CapeError, ValueError)) as caught:
        _core.PrivateKey.from_raw("rsa", SECRET)
    assert all(notation not in shown(caught.value) for notation in notations(SECRET))
