"""A platform that exists on paper: its root, its documents, its vault, its receipt key."""

import hashlib
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from tests.independent import cbor
from tests.independent.document import PROTECTED
from tests.independent.labeled import expand_sha512
from tests.independent.minted import DER, KEY_USAGES

from .fixed import NOW, NOW_MS, octets

DAY = 86_400
SIGNING = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)


def key(label: str) -> ec.EllipticCurvePrivateKey:
    # Below the order of the curve's group, whatever the bytes are.
    return ec.derive_private_key(int.from_bytes(octets(label, 47), "big"), ec.SECP384R1())


ROOT_KEY, LEAF_KEY, RECEIPT_KEY = key("root"), key("leaf"), key("receipts")


def certificate(name: str, signs: str, public: ec.EllipticCurvePrivateKey, days: int) -> bytes:
    """Issue a certificate by the root; it begins a day ago."""

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named("root"))
        .public_key(public.public_key())
        .serial_number(len(name))
        .not_valid_before(datetime.fromtimestamp(NOW - DAY, UTC))
        .not_valid_after(datetime.fromtimestamp(NOW + days * DAY, UTC))
        .add_extension(x509.BasicConstraints(name == "root", None), critical=True)
        .add_extension(x509.KeyUsage(**{it: it == signs for it in KEY_USAGES}), critical=True)
    )
    return builder.sign(ROOT_KEY, hashes.SHA384(), ecdsa_deterministic=True).public_bytes(DER)


ROOT = certificate("root", "key_cert_sign", ROOT_KEY, days=3650)
LEAF = certificate("leaf", "digital_signature", LEAF_KEY, days=1)

PCRS = {index: octets(f"pcr{index}", 48) for index in range(3)}
VAULT_SECRET = octets("vault secret")
VAULT = expand_sha512(VAULT_SECRET, b"cape/2 vault id", 32)
POLICY = f"""\
[[release]]
name = "release"
pcr0 = "{PCRS[0].hex()}"
vault = "{VAULT.hex()}"
"""

DESCRIPTION = cbor.encode(
    {
        1: 2,
        2: "4.0.0",
        3: "production",
        4: "3.11",
        5: "x86_64-manylinux_2_28",
        6: [{1: "seccomp", 2: True}],
        7: ["aws-kms"],
        8: {1: 8, 2: 64 << 20, 3: 1 << 30, 4: 20},
    }
)
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
RECEIPT_SPKI = RECEIPT_KEY.public_key().public_bytes(DER, SPKI)


def user_data(**changes: object) -> bytes:
    members = {
        "v": 2,
        "use": "session",
        "vault": VAULT,
        "runtime": hashlib.sha256(DESCRIPTION).digest(),
        "receipts": hashlib.sha256(RECEIPT_SPKI).digest(),
    }
    return cbor.encode(members | changes)


def document(nonce: bytes, **changes: object) -> bytes:
    """Sign a document that answers `nonce`."""
    payload = cbor.encode(
        {
            "module_id": "i-conformance",
            "digest": "SHA384",
            "timestamp": NOW_MS,
            "pcrs": PCRS,
            "certificate": LEAF,
            "cabundle": [ROOT],
            "public_key": None,
            "user_data": user_data(),
            "nonce": nonce,
            **changes,
        }
    )
    signed = cbor.encode(["Signature1", PROTECTED, b"", payload])
    halves = decode_dss_signature(LEAF_KEY.sign(signed, SIGNING))
    signature = b"".join(half.to_bytes(48, "big") for half in halves)
    return cbor.encode([PROTECTED, {}, payload, signature])
