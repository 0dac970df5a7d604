"""`derivations/`: each step computed again, and the results as the package has them."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tests.independent import payload, policy, statements, text
from tests.independent.jws import Account, account_key
from tests.independent.kem import KEMS
from tests.independent.keys import X25519, XWING, PrivateKey
from tests.independent.labeled import expand_sha512

from pycape import _core, keys
from pycape import policy as package_policy

from .case import load

DERIVATIONS = load("derivations")


def of(derives):
    found = [vector for vector in DERIVATIONS if vector["derives"] == derives]
    return pytest.mark.parametrize("vector", found, ids=lambda vector: vector["name"])


def result(vector, name):
    (step,) = [step for step in vector["steps"] if step["name"] == name]
    return step["output"]


ALGORITHMS = {
    "Base58": lambda step: text.base58(step["input"]),
    "Ed25519": lambda step: Account(step["key"]).public.hex(),
    "HKDF-Expand-SHA-512": lambda step: expand_sha512(step["key"], step["info"], 32).hex(),
    "HKDF-SHA-512": lambda step: (
        HKDF(hashes.SHA512(), 32, salt=None, info=step["info"]).derive(step["key"]).hex()
    ),
    "SHA-256": lambda step: hashlib.sha256(step["input"]).hexdigest(),
    "X-Wing": lambda step: KEMS[XWING].public_key(step["key"]).hex(),
    "X25519": lambda step: KEMS[X25519].public_key(step["key"]).hex(),
    "base64url": lambda step: base64.urlsafe_b64encode(step["input"]).rstrip(b"=").decode(),
    "bech32m": lambda step: text.bech32m(step["prefix"], step["input"]),
    "hex": lambda step: step["input"].hex(),
}
OCTETS = {"input", "key", "info", "salt"}


@pytest.mark.parametrize("vector", DERIVATIONS, ids=lambda vector: vector["name"])
def test_each_step(vector):
    for step in vector["steps"]:
        decoded = {k: bytes.fromhex(v) if k in OCTETS else v for k, v in step.items()}
        if step["algorithm"] != "payload":
            assert ALGORITHMS[step["algorithm"]](decoded) == step["output"]


@of("account")
def test_accounts(vector):
    seed = bytes.fromhex(vector["inputs"]["seed"])
    account = _core.Account.from_seed(seed)
    assert account.id == Account(seed).id == result(vector, "account_id")
    assert account.to_text() == result(vector, "private_text")
    assert account_key(account.id).hex() == result(vector, "public")


@of("function")
def test_functions(vector):
    manifest = _core.Manifest.verify(vector["inputs"]["manifest"])
    function = statements.read_manifest(manifest.text)
    assert manifest.checksum == function.checksum.hex() == result(vector, "checksum")
    assert manifest.function_id == function.id == result(vector, "function_id")
    assert _core.function_id(manifest.checksum) == function.id


@of("key_id")
def test_recipients_keys(vector):
    inputs = vector["inputs"]
    private = keys.PrivateKey.from_text(result(vector, "private_text"))
    other = PrivateKey(inputs["type"], bytes.fromhex(inputs["private"]))
    assert other.text == result(vector, "private_text")
    for public in (private.public_key, other.public_key()):
        assert public.key_id.hex() == result(vector, "key_id")
        assert public.fingerprint == result(vector, "fingerprint")
    assert private.public_key.to_text() == other.public_key().text == result(vector, "public_text")


@of("release_digest")
def test_releases(vector):
    (release,) = policy.read(vector["inputs"]["policy"])
    (theirs,) = package_policy.parse(vector["inputs"]["policy"], "the vector").releases
    assert release.digest.hex() == theirs.digest == result(vector, "digest")


@of("blob")
def test_blobs(vector):
    sealed = bytes.fromhex(result(vector, "sealed"))
    key, place = (bytes.fromhex(result(vector, name)) for name in ("key", "name"))
    opened = payload.open_(1, key, b"cape/2 blob" + place, sealed)
    assert opened.hex() == vector["inputs"]["content"]


def test_all_kinds_are_known():
    # The last three are computed by enclaves alone: their steps are what there is to compare here.
    known = {"account", "function", "key_id", "release_digest", "blob"}
    assert {vector["derives"] for vector in DERIVATIONS} == known | {
        "account_key",
        "owner_session",
        "vault_id",
    }
