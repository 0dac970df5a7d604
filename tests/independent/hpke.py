"""HPKE (RFC 9180) in base mode with HKDF-SHA256: the key schedule of section 5.1.

The envelope seals one message with it (ChaCha20-Poly1305), the session only exports.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from .errors import DecryptFailed
from .kem import KEMS
from .labeled import labeled_expand, labeled_extract

HKDF_SHA256 = 0x0001
CHACHA20_POLY1305 = 0x0003
EXPORT_ONLY = 0xFFFF

MODE_BASE = b"\0"


@dataclass(frozen=True)
class Context:
    """What both sides have after the key schedule; key and nonce are empty if it only exports."""

    suite: bytes
    key: bytes
    base_nonce: bytes
    exporter_secret: bytes

    def export(self, exporter_context: bytes, size: int) -> bytes:
        """RFC 9180, section 5.3."""
        return labeled_expand(self.suite, self.exporter_secret, b"sec", exporter_context, size)


def key_schedule(kem_id: int, aead_id: int, shared_secret: bytes, info: bytes) -> Context:
    suite = b"HPKE" + b"".join(id_.to_bytes(2, "big") for id_ in (kem_id, HKDF_SHA256, aead_id))
    psk_id_hash = labeled_extract(suite, b"", b"psk_id_hash", b"")
    info_hash = labeled_extract(suite, b"", b"info_hash", info)
    context = MODE_BASE + psk_id_hash + info_hash
    secret = labeled_extract(suite, shared_secret, b"secret", b"")
    exporter_secret = labeled_expand(suite, secret, b"exp", context, 32)
    if aead_id == EXPORT_ONLY:
        return Context(suite, b"", b"", exporter_secret)
    key = labeled_expand(suite, secret, b"key", context, 32)
    base_nonce = labeled_expand(suite, secret, b"base_nonce", context, 12)
    return Context(suite, key, base_nonce, exporter_secret)


def setup_sender(
    kem_id: int, public: bytes, info: bytes, aead_id: int = EXPORT_ONLY
) -> tuple[bytes, Context]:
    """Return the encapsulated key and the sender's context (SetupBaseS)."""
    shared_secret, encapsulated = KEMS[kem_id].encapsulate(public)
    return encapsulated, key_schedule(kem_id, aead_id, shared_secret, info)


def setup_receiver(
    kem_id: int, encapsulated: bytes, private: bytes, info: bytes, aead_id: int = EXPORT_ONLY
) -> Context:
    """Return the receiver's context (SetupBaseR)."""
    shared_secret = KEMS[kem_id].decapsulate(encapsulated, private)
    return key_schedule(kem_id, aead_id, shared_secret, info)


def seal(kem_id: int, public: bytes, info: bytes, plaintext: bytes) -> bytes:
    """Seal one message with empty associated data: the encapsulated key, then the ciphertext."""
    encapsulated, context = setup_sender(kem_id, public, info, CHACHA20_POLY1305)
    # The first message of a context has the sequence number 0, so its nonce is the base nonce.
    sealed = ChaCha20Poly1305(context.key).encrypt(context.base_nonce, plaintext, b"")
    return encapsulated + sealed


def open_(kem_id: int, private: bytes, info: bytes, message: bytes) -> bytes:
    """Open what `seal` made.

    Raises:
        DecryptFailed: it is for another key, or was altered.
        KeyInvalid: its share is of low order.
    """
    size = KEMS[kem_id].encapsulated_size
    context = setup_receiver(kem_id, message[:size], private, info, CHACHA20_POLY1305)
    try:
        return ChaCha20Poly1305(context.key).decrypt(context.base_nonce, message[size:], b"")
    except InvalidTag as error:
        raise DecryptFailed("it does not open with this key") from error
