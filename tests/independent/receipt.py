"""Receipts, and the files that hold them. docs/spec/receipt.md."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from . import attestation, cbor
from .attestation import MAX_SKEW_MS, Verified
from .document import PROTECTED, is_bytes, is_number
from .errors import ReceiptInvalid
from .policy import Release

EXTERNAL = b"cape/2 receipt"
SPKI_BEFORE_POINT = bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200")
FILE_LIMIT, LIMIT, PAYLOAD_LIMIT = 36 * 1024, 1024, 768
LAST_MS = 253_402_300_799_999
MARK = b"cape:"

(
    VERSION,
    FUNCTION,
    INPUT,
    OUTPUT,
    CIPHERTEXT,
    OUTCOME,
    STARTED,
    DURATION,
    CALL_NONCE,
    SEQUENCE,
    SESSION,
    DOCUMENT,
) = range(1, 13)


@dataclass(frozen=True)
class Salts:
    """What digests of data are salted with; a failed run has no output."""

    input: bytes
    output: bytes | None


@dataclass(frozen=True)
class Asked:
    """What a verifier compares with a receipt besides; None is not compared."""

    checksum: bytes | None = None
    session: bytes | None = None
    call_nonce: bytes | None = None
    after: int | None = None
    input: bytes | None = None
    output: bytes | None = None
    error: str | None = None
    salts: Salts | None = None


@dataclass(frozen=True)
class Receipt:
    """A receipt whose form is right, and of which nothing is proven yet."""

    payload: bytes
    signature: bytes
    fields: dict

    def verify(self, spki: bytes, document: bytes, verified: Verified, asked: Asked) -> dict:
        """Judge a receipt of an enclave whose document was judged; its fields, which hold then."""
        point = read_key(spki)
        if hashlib.sha256(spki).digest() != verified.user_data["receipts"]:
            raise ReceiptInvalid("key")
        self._check_signature(point)
        if self.fields[DOCUMENT] != hashlib.sha384(document).digest():
            raise ReceiptInvalid("document")
        end = verified.leaf_not_after * 1000 + 999
        if not verified.timestamp - MAX_SKEW_MS <= self.fields[STARTED] <= end:
            raise ReceiptInvalid("started")
        compare(self.fields, asked)
        return self.fields

    def _check_signature(self, point: bytes) -> None:
        signed = cbor.encode(["Signature1", PROTECTED, EXTERNAL, self.payload])
        r, s = (int.from_bytes(half, "big") for half in (self.signature[:48], self.signature[48:]))
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
            key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA384()))
        except (InvalidSignature, ValueError) as error:
            raise ReceiptInvalid("signature") from error


def verify_file(
    octets: bytes,
    asked: Asked,
    *,
    trust_roots: Sequence[bytes] | None,
    releases: Sequence[Release],
    now_ms: int,
) -> dict:
    """Judge a receipt that was kept, with its document at the document's own time."""
    receipt, key, document = read_file(octets)
    read_receipt = read(receipt)
    verified = attestation.verify_kept_session(
        document, trust_roots=trust_roots, releases=releases, now_ms=now_ms
    )
    return read_receipt.verify(key, document, verified, asked)


def read_file(octets: bytes) -> tuple[bytes, bytes, bytes]:
    """Return receipt, key and document."""
    if len(octets) > FILE_LIMIT:
        raise ReceiptInvalid("size")
    try:
        members = cbor.decode(octets)
        if not isinstance(members, dict) or members.keys() != {1, 2, 3, 4}:
            raise ValueError("a part is missing, or one too many")
        parts = tuple(members[key] for key in (2, 3, 4))
        if members[1] != 2 or not all(isinstance(part, bytes) for part in parts):
            raise ValueError("another version, or a part of another type")
    except (ValueError, KeyError) as error:
        raise ReceiptInvalid("file") from error
    return parts


def write_file(receipt: bytes, key: bytes, document: bytes) -> bytes:
    return cbor.encode({1: 2, 2: receipt, 3: key, 4: document})


def read_salts(octets: bytes) -> Salts:
    """Read the salts of a call, as their file has them; unknown keys are ignored, as in END."""
    try:
        members = cbor.decode(octets)
        salts = Salts(members[1], members.get(2))
        known = [salts.input] + [salts.output] * (2 in members)
        if not all(is_number(key) for key in members):
            raise ValueError("a key that is no number")
        if not all(is_bytes(salt, 32, 32) for salt in known):
            raise ValueError("a salt has 32 bytes")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ReceiptInvalid("salts") from error
    return salts


def read(octets: bytes) -> Receipt:
    """Read a receipt and check its form."""
    if len(octets) > LIMIT:
        raise ReceiptInvalid("size")
    if octets[:1] and octets[0] >> 5 == 6:
        raise ReceiptInvalid("tag")
    try:
        protected, unprotected, payload, signature = cbor.decode(octets)
        if not all(isinstance(each, bytes) for each in (protected, payload, signature)):
            raise ValueError("an item of another type")
        if not isinstance(unprotected, dict):
            raise ValueError("an unprotected header that is no map")
    except (ValueError, TypeError, KeyError) as error:
        raise ReceiptInvalid("cbor") from error
    for reason, holds in {
        "protected_header": protected == PROTECTED,
        "unprotected_header": unprotected == {},
        "payload_size": 1 <= len(payload) <= PAYLOAD_LIMIT,
        "signature_size": len(signature) == 96,
    }.items():
        if not holds:
            raise ReceiptInvalid(reason)
    return Receipt(payload, signature, read_fields(payload))


def read_fields(payload: bytes) -> dict:
    try:
        fields = cbor.decode(payload)
        if not isinstance(fields, dict):
            raise ValueError("a payload that is no map")
    except (ValueError, KeyError) as error:
        raise ReceiptInvalid("payload_cbor") from error
    if fields.keys() - range(1, 13):
        raise ReceiptInvalid("field_unknown")
    if range(1, 13) - fields.keys():
        raise ReceiptInvalid("field_missing")
    if not all(has_type(field, value) for field, value in fields.items()):
        raise ReceiptInvalid("field_type")
    if fields[VERSION] != 2:
        raise ReceiptInvalid("version")
    if not is_in_range(fields):
        raise ReceiptInvalid("field_range")
    if (fields[OUTPUT] is None) == (fields[OUTCOME] == 0):
        raise ReceiptInvalid("output_and_outcome")
    return fields


def has_type(field: int, value) -> bool:
    if field in {VERSION, STARTED, DURATION, SEQUENCE}:
        return is_number(value)
    if field == OUTCOME:
        return isinstance(value, str) or (is_number(value) and value == 0)
    if field == DOCUMENT:
        return is_bytes(value, 48, 48)
    return is_bytes(value, 32, 32) or (value is None and field in {OUTPUT, CIPHERTEXT, CALL_NONCE})


def is_in_range(fields: dict) -> bool:
    error = fields[OUTCOME]
    is_name = error == 0 or (
        error.isascii() and error.isalpha() and error[0].isupper() and len(error) <= 64
    )
    return is_name and 0 < fields[STARTED] <= LAST_MS and fields[SEQUENCE] > 0


def read_key(spki: bytes) -> bytes:
    """Return the point of a SubjectPublicKeyInfo: 04, then both coordinates."""
    point = spki.removeprefix(SPKI_BEFORE_POINT)
    if len(spki) - len(point) != len(SPKI_BEFORE_POINT) or len(point) != 97 or point[0] != 4:
        raise ReceiptInvalid("key_malformed")
    return point


def compare(fields: dict, asked: Asked) -> None:
    """Compare a receipt with what the verifier knows of the call."""
    for reason, field, expected in (
        ("session", SESSION, asked.session),
        ("function", FUNCTION, asked.checksum),
        ("call_nonce", CALL_NONCE, asked.call_nonce),
    ):
        if expected is not None and fields[field] != expected:
            raise ReceiptInvalid(reason)
    if asked.after is not None and fields[SEQUENCE] <= asked.after:
        raise ReceiptInvalid("sequence")
    compare_outcome(fields, asked)
    compare_input(fields, asked)


def compare_outcome(fields: dict, asked: Asked) -> None:
    if asked.error is not None and fields[OUTCOME] != asked.error:
        raise ReceiptInvalid("outcome")
    if asked.output is None:
        return
    if fields[OUTCOME] != 0:
        raise ReceiptInvalid("outcome")
    if asked.salts is None or asked.salts.output is None:
        raise ReceiptInvalid("salt")
    if hashlib.sha256(asked.salts.output + asked.output).digest() != fields[OUTPUT]:
        raise ReceiptInvalid("output")


def compare_input(fields: dict, asked: Asked) -> None:
    if asked.input is None:
        return
    if asked.input.startswith(MARK):
        if hashlib.sha256(asked.input).digest() != fields[CIPHERTEXT]:
            raise ReceiptInvalid("ciphertext")
    elif asked.salts is None:
        raise ReceiptInvalid("salt")
    elif hashlib.sha256(asked.salts.input + asked.input).digest() != fields[INPUT]:
        raise ReceiptInvalid("input")


def sign(payload: bytes, key: ec.EllipticCurvePrivateKey, external: bytes = EXTERNAL) -> bytes:
    """Sign a payload, whatever it is: 96 bytes."""
    signed = cbor.encode(["Signature1", PROTECTED, external, payload])
    # The same each time (RFC 6979).
    algorithm = ec.ECDSA(hashes.SHA384(), deterministic_signing=True)
    r, s = decode_dss_signature(key.sign(signed, algorithm))
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def message(payload: bytes, signature: bytes) -> bytes:
    return cbor.encode([PROTECTED, {}, payload, signature])
