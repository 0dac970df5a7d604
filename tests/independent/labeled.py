"""HKDF (RFC 5869), and its labeled form of RFC 9180, section 4."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

VERSION = b"HPKE-v1"


def labeled_extract(suite: bytes, salt: bytes, label: bytes, key: bytes) -> bytes:
    return HKDF.extract(hashes.SHA256(), salt, VERSION + suite + label + key)


def labeled_expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    labeled_info = size.to_bytes(2, "big") + VERSION + suite + label + info
    return HKDFExpand(hashes.SHA256(), size, labeled_info).derive(key)


def expand_sha512(key: bytes, info: bytes, size: int) -> bytes:
    """Return HKDF-Expand-SHA-512, as the envelope uses it."""
    return HKDFExpand(hashes.SHA512(), size, info).derive(key)
