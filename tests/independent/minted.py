"""Attestation documents of an own root, so that one thing at a time can be wrong with them."""

import datetime
import hashlib
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from . import cbor
from .document import PROTECTED

# What is signed comes out the same each time (RFC 6979).
SIGNING = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)
DER = serialization.Encoding.DER
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass
class Authority:
    """A key that signs certificates, and its own certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(DER)


@dataclass
class Certificate:
    """What a certificate says; the defaults are those of a good authority.

    With a `seed` it comes out the same each time.
    """

    name: str
    begin: int = 1_700_000_000
    end: int = 1_900_000_000
    ca: bool = True
    path_length: int | None = None
    usages: set[str] = field(default_factory=lambda: {"key_cert_sign"})
    curve: ec.EllipticCurve = field(default_factory=ec.SECP384R1)
    seed: str | None = None

    def issue(self, issuer: Authority | None) -> Authority:
        """Sign it; without an issuer it is a root."""
        key, serial = self._drawn()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        usages = {usage: usage in self.usages for usage in KEY_USAGES}
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer.certificate.subject if issuer else name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(EPOCH + datetime.timedelta(seconds=self.begin))
            .not_valid_after(EPOCH + datetime.timedelta(seconds=self.end))
            .add_extension(x509.BasicConstraints(self.ca, self.path_length), critical=True)
            .add_extension(x509.KeyUsage(**usages), critical=True)
        )
        signer = issuer.key if issuer else key
        signed = builder.sign(signer, hashes.SHA384(), ecdsa_deterministic=True)
        return Authority(key, signed)

    def _drawn(self) -> tuple[ec.EllipticCurvePrivateKey, int]:
        if self.seed is None:
            return ec.generate_private_key(self.curve), x509.random_serial_number()
        serial = int.from_bytes(octets(f"serial of {self.seed}", 8), "big")
        return private_key(self.seed, self.curve), serial + 1


def private_key(seed: str, curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """Return the key that a text stands for."""
    curve = curve or ec.SECP384R1()
    # Below the order of the curve's group, whatever the bytes are.
    number = int.from_bytes(octets(seed, curve.key_size // 8 - 1), "big")
    return ec.derive_private_key(number, curve)


def octets(seed: str, size: int) -> bytes:
    return hashlib.shake_256(f"cape minted {seed}".encode()).digest(size)


def leaf(**changes) -> Certificate:
    return Certificate("leaf", **{"ca": False, "usages": {"digital_signature"}, **changes})


def members(chain: list[Authority], **changes) -> dict:
    """Return a payload's members; `chain` begins with the root and ends with the leaf."""
    return {
        "module_id": "i-minted",
        "digest": "SHA384",
        "timestamp": 1_800_000_000_000,
        "pcrs": {index: bytes([index + 1]) * 48 for index in range(16)},
        "certificate": chain[-1].der,
        "cabundle": [authority.der for authority in chain[:-1]],
        "public_key": None,
        "user_data": None,
        "nonce": None,
        **changes,
    }


def document(chain: list[Authority], payload: dict) -> bytes:
    """Sign a payload with the leaf's key."""
    encoded = cbor.encode(payload)
    signed = cbor.encode(["Signature1", PROTECTED, b"", encoded])
    r, s = decode_dss_signature(chain[-1].key.sign(signed, SIGNING))
    signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
    return cbor.encode([PROTECTED, {}, encoded, signature])
