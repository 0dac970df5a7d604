"""Documents below the chain, from whatever fields one likes, and what they are judged by."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.attestation import cbor

from .chain import KEYS, NOW_MS, SIGNING, SOUND

PROTECTED = bytes.fromhex("a1013822")
NONCE = b"the question of whoever verifies"
PCRS = {index: bytes([index + 1]) * 48 for index in range(16)}
VAULT = b"\x7a" * 32


def policy(*releases: dict[str, str]) -> str:
    """Return the text of a policy file; each release pins PCR0, unless it says otherwise."""
    tables = []
    for number, release in enumerate(releases or ({},)):
        entries = {"name": f"release {number}", "pcr0": PCRS[0].hex(), **release}
        quoted = [
            f"{key} = {text}" if key == "not_after" else f'{key} = "{text}"'
            for key, text in entries.items()
        ]
        tables.append("\n".join(["[[release]]", *quoted, ""]))
    return "\n".join(tables)


POLICY = policy()


def fields(chain: list[bytes] = SOUND, **changes: Any) -> dict[str, Any]:
    """Return the fields in their genuine order; a change to `...` leaves its field out."""
    genuine = {
        "module_id": "i-0123456789abcdef0-enc0123456789abcdef",
        "digest": "SHA384",
        "timestamp": NOW_MS,
        "pcrs": PCRS,
        "certificate": chain[-1],
        "cabundle": chain[:-1],
        "public_key": None,
        "user_data": None,
        "nonce": NONCE,
        **changes,
    }
    return {name: value for name, value in genuine.items() if value is not ...}


def document(chain: list[bytes] = SOUND, **changes: Any) -> bytes:
    """Return a document with these fields, in a map of indefinite length as genuine ones are."""
    return sign(payload(chain, **changes))


def payload(chain: list[bytes] = SOUND, **changes: Any) -> bytes:
    items = [item for pair in fields(chain, **changes).items() for item in pair]
    return bytes(cbor.indefinite(cbor.MAP, *items))


def sign(content: bytes, key: ec.EllipticCurvePrivateKey = KEYS["leaf"]) -> bytes:
    return enclose(content, signature=sign_content(content, key))


def sign_content(content: bytes, key: ec.EllipticCurvePrivateKey = KEYS["leaf"]) -> bytes:
    """Return the signature over a payload, as COSE has it."""
    return sign_bytes(cbor.encode(["Signature1", PROTECTED, b"", content]), key)


def sign_bytes(signed: bytes, key: ec.EllipticCurvePrivateKey = KEYS["leaf"]) -> bytes:
    r, s = decode_dss_signature(key.sign(signed, SIGNING))
    return r.to_bytes(48, "big") + s.to_bytes(48, "big")


def enclose(
    content: Any = None,
    *,
    protected: Any = PROTECTED,
    unprotected: Any = None,
    signature: Any = ...,
) -> bytes:
    """Return a COSE_Sign1, of which any part may be another."""
    content = payload() if content is None else content
    signed = sign_content(content) if signature is ... else signature
    return cbor.encode([protected, {} if unprotected is None else unprotected, content, signed])
