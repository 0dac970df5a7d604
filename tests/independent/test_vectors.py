"""The published vectors, played by the second client."""

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from . import attestation, cbor, envelope, handshake, hpke, jws, statements
from .errors import DecryptFailed
from .frames import Direction, Frame, Type
from .header import read
from .jws import Account
from .kem import KEMS
from .keys import RSA, X25519, XWING, PrivateKey
from .labeled import expand_sha512
from .policy import Release

VECTORS = Path(__file__).parents[1] / "vectors"


def load(name):
    return json.loads((VECTORS / name).read_text())


ENVELOPES = load("envelope2.json")
PRIVATE_KEYS = {
    "x25519": PrivateKey(X25519, bytes.fromhex(ENVELOPES["keys"]["x25519"]["private"])),
    "xwing": PrivateKey(XWING, bytes.fromhex(ENVELOPES["keys"]["xwing"]["seed"])),
    "rsa": PrivateKey(RSA, bytes.fromhex(ENVELOPES["keys"]["rsa"]["private_pkcs8"])),
}


@pytest.mark.parametrize("case", load("hpke.json")["cases"], ids=lambda case: case["kem_id"])
def test_hpke(case):
    octets = {name: bytes.fromhex(value) for name, value in case.items() if isinstance(value, str)}
    kem = KEMS[case["kem_id"]]
    assert kem.public_key(octets["skRm"]) == octets["pkRm"]
    assert kem.decapsulate(octets["enc"], octets["skRm"]) == octets["shared_secret"]
    context = hpke.setup_receiver(
        kem.id, octets["enc"], octets["skRm"], octets["info"], case["aead_id"]
    )
    assert context.key == octets["key"]
    assert context.base_nonce == octets["base_nonce"]
    assert context.exporter_secret == octets["exporter_secret"]
    for export in case["exports"]:
        value = context.export(bytes.fromhex(export["exporter_context"]), export["L"])
        assert value.hex() == export["exported_value"]


@pytest.mark.parametrize("name", PRIVATE_KEYS)
def test_key_ids(name):
    public = PRIVATE_KEYS[name].public_key()
    assert public.key_id.hex() == ENVELOPES["keys"][name]["key_id"]
    assert public.octets.hex() in ENVELOPES["keys"][name].values()


@pytest.mark.parametrize("case", ENVELOPES["cases"], ids=lambda case: case["name"])
def test_envelopes(case):
    binary = envelope.from_text(case["text"].encode())
    assert envelope.to_text(binary).decode() == case["text"]
    assert read(binary).suite == case["suite"]
    aad = bytes.fromhex(case["aad"])
    for recipient in case["recipients"]:
        private = PRIVATE_KEYS[recipient]
        opened = envelope.open_(binary, [private], aad=aad)
        assert hashlib.sha256(opened.plaintext).hexdigest() == case["plaintext_sha256"]
        assert len(opened.plaintext) == case["size"]
        assert {key: value.decode() for key, value in opened.context.items()} == case["context"]
        assert envelope.unwrap(read(binary), [private]).hex() == case["file_key"]
        with pytest.raises(DecryptFailed):
            envelope.open_(binary, [private], aad=aad + b"other")


SESSIONS = load("session2.json")
STATEMENTS = SESSIONS["statements"]


@pytest.fixture(params=SESSIONS["handshakes"], ids=lambda case: f"suite-{case['suite']}")
def case(request):
    return request.param


def octets(text):
    return bytes.fromhex(text)


def test_the_leaf_and_the_root_of_a_handshake(case):
    hello = handshake.read_server_hello(octets(case["server_hello"]), case["offer"])
    assert hello.suite == case["suite"]
    leaf = handshake.leaf(hello, case["offer"], octets(case["client_nonce"]))
    assert leaf.hex() == case["leaf"]
    assert handshake.root(leaf, hello.path, hello.index).hex() == case["root"]
    assert handshake.info(hello, leaf).hex() == case["info"]


def test_the_document_of_a_handshake(case):
    hello = handshake.read_server_hello(octets(case["server_hello"]), case["offer"])
    vault = octets(case["vault_id_in_user_data"])
    verified = attestation.verify_session(
        hello.document,
        nonce=octets(case["root"]),
        trust_roots=[octets(case["trust_root"])],
        releases=[Release("vectors", {0: octets(case["pcr0"])}, vault)],
        now_ms=case["now_ms"],
    )
    receipt_key = octets(case["receipt_key_spki"])
    assert verified.user_data["receipts"] == hashlib.sha256(receipt_key).digest()


def test_the_frames_of_a_handshake(case):
    hello = handshake.read_server_hello(octets(case["server_hello"]), case["offer"])
    first, answer = (octets(frame["message"]) for frame in case["frames"])
    size = KEMS[handshake.SUITES[hello.suite][0]].encapsulated_size
    leaf, private = octets(case["leaf"]), octets(case["kem_private"])
    keys = handshake.enclave_keys(hello, leaf, private, first[:size])
    assert {label: value.hex() for label, value in keys.exports.items()} == case["exports"]

    opening = Direction(keys, "c2e").open(first[size:])
    assert (opening.type, opening.call) == (Type.OPEN, 1)
    members = cbor.decode(opening.content)
    assert members[6].hex() == case["call_nonce"]
    assert members[9].hex() == case["input"]

    end = Direction(keys, "e2c").open(answer)
    assert (end.type, end.call) == (Type.END, 1)
    members = cbor.decode(end.content)
    assert members[5].hex() == case["output"]
    assert members[1] == hashlib.sha256(members[5]).digest()

    # Sealing is the same the other way around.
    assert Direction(keys, "e2c").seal(Type.END, 1, end.content) == answer
    assert Direction(keys, "c2e").open(first[size:]) == Frame(Type.OPEN, 1, opening.content)
    proof = jws.verify(case["owner_proof"], "cape-owner+jws")
    assert proof.members["session"] == keys.owner_session


def test_statements():
    account = Account(octets(STATEMENTS["account_seed"]))
    assert account.public.hex() == STATEMENTS["account_public"]
    assert account.id == STATEMENTS["account_id"]
    function = statements.read_manifest(STATEMENTS["manifest"])
    assert function.account == account.public
    assert function.checksum.hex() == STATEMENTS["checksum"]
    assert function.id == STATEMENTS["function_id"]
    assert account.sign(statements.MANIFEST, function.settings) == STATEMENTS["manifest"]
    token = jws.verify(STATEMENTS["token"], "cape-token+jwt")
    assert token.members["sub"] == STATEMENTS["checksum"]
    assert token.account == account.public


def test_what_comes_from_the_vault():
    """An enclave's part, which no client has; the page's formulas are held to the vectors."""
    secret = octets(STATEMENTS["vault_secret"])
    assert expand_sha512(secret, b"cape/2 vault id", 32).hex() == STATEMENTS["vault_id"]

    def derived(info):
        return HKDF(hashes.SHA512(), 32, salt=None, info=info).derive(secret).hex()

    account, checksum = octets(STATEMENTS["account_public"]), octets(STATEMENTS["checksum"])
    for kem in (X25519, XWING):
        for epoch in (0, 1):
            info = b"cape/2 account key" + kem.to_bytes(2) + account + epoch.to_bytes(4)
            expected = STATEMENTS["account_keys"][f"{kem:#06x} epoch {epoch}"]
            assert derived(info) == expected
    assert derived(b"cape/2 blob" + bytes([1]) + checksum) == STATEMENTS["blob_key_bundle"]
