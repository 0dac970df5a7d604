"""Attestation documents and their certificates, of the genuine shape, with one thing wrong or none.

Written from docs/spec/attestation.md, sharing no code with the package.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from . import cbor, der

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
NONCE = b"the question"
PCRS = {index: bytes([index + 1]) * 48 for index in range(16)}

DIGITAL_SIGNATURE, KEY_CERT_SIGN = 0, 5

_ALGORITHM = der.tlv(der.SEQUENCE, der.identifier(der.ECDSA_WITH_SHA384))
_PROTECTED = bytes.fromhex("a1013822")


@dataclass(frozen=True)
class Certificate:
    """A certificate, and the key that it is for."""

    subject: str
    key: ec.EllipticCurvePrivateKey
    der: bytes


def certify(
    subject: str,
    issuer: Certificate | None = None,
    *,
    extensions: list[bytes],
    key: ec.EllipticCurvePrivateKey | None = None,
    public_key: bytes | None = None,
    not_after: datetime = NOW + timedelta(hours=3),
    strict: bool = True,
) -> Certificate:
    """Issue a certificate; without an issuer it signs itself.

    `public_key` is the SubjectPublicKeyInfo where it shall not be that of `key`. What is not
    `strict` has its serial number with a zero in front, which BER permits and DER does not.
    """
    key = key or ec.generate_private_key(ec.SECP384R1())
    serial = der.integer(7) if strict else der.tlv(der.INTEGER, b"\0\x07")
    tbs = der.tlv(
        der.SEQUENCE,
        der.tlv(0xA0, der.integer(2)),
        serial,
        _ALGORITHM,
        der.name(subject if issuer is None else issuer.subject),
        der.tlv(der.SEQUENCE, der.time(NOW - timedelta(days=1)), der.time(not_after)),
        der.name(subject),
        public_key or spki(key),
        der.tlv(0xA3, der.tlv(der.SEQUENCE, *extensions)),
    )
    signature = (key if issuer is None else issuer.key).sign(tbs, ec.ECDSA(SHA384()))
    return Certificate(subject, key, der.tlv(der.SEQUENCE, tbs, _ALGORITHM, der.bits(signature)))


def authority(
    subject: str, issuer: Certificate | None = None, *, path_length: int | None = None, **changes
) -> Certificate:
    constraints = der.basic_constraints(authority=True, path_length=path_length)
    extensions = [constraints, der.key_usage(KEY_CERT_SIGN)]
    return certify(subject, issuer, **{"extensions": extensions, **changes})


def leaf(issuer: Certificate, **changes) -> Certificate:
    constraints = der.basic_constraints(authority=False)
    extensions = [constraints, der.key_usage(DIGITAL_SIGNATURE)]
    return certify("enclave", issuer, **{"extensions": extensions, **changes})


def spki(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def payload(chain: list[Certificate], **changes) -> dict:
    """Return the fields in their genuine order; a change to `...` leaves its field out."""
    fields = {
        "module_id": "i-0123456789abcdef0-enc0123456789abcdef",
        "digest": "SHA384",
        "timestamp": int(NOW.timestamp() * 1000),
        "pcrs": PCRS,
        "certificate": chain[-1].der,
        "cabundle": [certificate.der for certificate in chain[:-1]],
        "public_key": None,
        "user_data": None,
        "nonce": NONCE,
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not ...}


def document(chain: list[Certificate], **changes) -> bytes:
    """Return a document that the last certificate's key signed."""
    return sign(cbor.encode(payload(chain, **changes)), chain[-1].key)


def sign(content: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    signed = cbor.encode(["Signature1", _PROTECTED, b"", content])
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA384())))
    return enclose(content, r.to_bytes(48, "big") + s.to_bytes(48, "big"))


def enclose(content: bytes, signature: bytes) -> bytes:
    return cbor.encode([_PROTECTED, {}, content, signature])
