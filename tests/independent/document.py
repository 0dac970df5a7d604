"""The form of an attestation document, and its signature.

docs/spec/attestation.md, checks 1 to 3 and 5.
"""

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from . import cbor
from .errors import DocumentMalformed, SignatureInvalid

LIMIT = 32 * 1024
TAG_18 = b"\xd2"
PROTECTED = bytes.fromhex("a1013822")  # {1: -35}, ES384
MEMBERS = {
    "module_id",
    "digest",
    "timestamp",
    "pcrs",
    "certificate",
    "cabundle",
    "public_key",
    "user_data",
    "nonce",
}
OPTIONAL = ("public_key", "user_data", "nonce")


@dataclass(frozen=True)
class Document:
    """A document whose form is right, and of which nothing is proven yet."""

    payload: bytes
    signature: bytes
    timestamp: int
    pcrs: dict[int, bytes]
    certificate: bytes
    cabundle: list[bytes]
    public_key: bytes | None
    user_data: bytes | None
    nonce: bytes | None

    def check_signature(self, leaf: x509.Certificate) -> None:
        """Check 5.

        Raises:
            SignatureInvalid: the leaf's key did not sign this payload.
        """
        signed = cbor.encode(["Signature1", PROTECTED, b"", self.payload])
        r, s = (int.from_bytes(half, "big") for half in (self.signature[:48], self.signature[48:]))
        try:
            leaf.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
        except InvalidSignature as error:
            raise SignatureInvalid("the document's signature does not hold") from error


def read(octets: bytes) -> Document:
    """Checks 1 to 3.

    Raises:
        DocumentMalformed: its form is not that of a document.
    """
    try:
        if len(octets) > LIMIT:
            raise ValueError("a document that is too large")
        protected, unprotected, payload, signature = cbor.decode(
            octets.removeprefix(TAG_18), deterministic=False
        )
        if (protected, unprotected) != (PROTECTED, {}):
            raise ValueError("another algorithm than ES384, or unprotected headers")
        if not is_bytes(payload, 1, 16_384) or not is_bytes(signature, 96, 96):
            raise ValueError("a payload or signature of another length")
        members = cbor.decode(payload, deterministic=False)
        check_members(members)
    except (ValueError, TypeError) as error:
        raise DocumentMalformed(str(error)) from error
    named = {name: members[name] for name in MEMBERS - {"module_id", "digest"}}
    return Document(payload=payload, signature=signature, **named)


def check_members(members: dict) -> None:
    if not isinstance(members, dict) or members.keys() != MEMBERS:
        raise ValueError("a member is missing, or one too many")
    module_id, timestamp, pcrs, bundle = (
        members[name] for name in ("module_id", "timestamp", "pcrs", "cabundle")
    )
    limits_hold = (
        isinstance(module_id, str)
        and module_id != ""
        and members["digest"] == "SHA384"
        and is_number(timestamp)
        and timestamp > 0
        and isinstance(pcrs, dict)
        and 1 <= len(pcrs) <= 32
        and all(is_number(i) and i < 32 and is_bytes(pcr, 48, 48) for i, pcr in pcrs.items())
        and isinstance(bundle, list)
        and 1 <= len(bundle) <= 8
        and all(is_bytes(certificate, 1, 1024) for certificate in bundle)
        and is_bytes(members["certificate"], 1, 1024)
        and all(members[name] is None or is_bytes(members[name], 0, 1024) for name in OPTIONAL)
    )
    if not limits_hold:
        raise ValueError("a member beyond its limits")


def is_number(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_bytes(value, least: int, most: int) -> bool:
    return isinstance(value, bytes) and least <= len(value) <= most
