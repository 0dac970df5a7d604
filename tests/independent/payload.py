"""The payload: C2SP chunked-encryption, version 1. docs/spec/envelope.md, payload."""

import hmac
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from .errors import DecryptFailed, Truncated
from .labeled import expand_sha512

CHUNK = 16384
TAG = 16
SALT, COMMITMENT = 24, 32
FRONT = SALT + COMMITMENT

AES_256_GCM, CHACHA20_POLY1305 = 1, 2
AEADS = {
    AES_256_GCM: (b"AEAD_AES_256_GCM", AESGCM),
    CHACHA20_POLY1305: (b"AEAD_CHACHA20_POLY1305", ChaCha20Poly1305),
}


@dataclass(frozen=True)
class Keys:
    """What one salt gives under one file key."""

    aead: AESGCM | ChaCha20Poly1305
    base_nonce: bytes
    commitment: bytes

    @classmethod
    def derive(cls, suite: int, file_key: bytes, salt: bytes, context: bytes) -> "Keys":
        name, aead = AEADS[suite]
        info = b"c2sp.org/chunked-encryption@v1+" + name + b"\0" + salt + context
        derived = expand_sha512(file_key, info, 76)
        return cls(aead(derived[:32]), derived[32:44], derived[44:])

    def nonce(self, number: int) -> bytes:
        return (int.from_bytes(self.base_nonce, "big") ^ number).to_bytes(12, "big")


def seal(
    suite: int, file_key: bytes, context: bytes, plaintext: bytes, *, salt: bytes | None = None
) -> bytes:
    """Seal a payload as a whole; only vectors give the salt."""
    salt = os.urandom(SALT) if salt is None else salt
    keys = Keys.derive(suite, file_key, salt, context)
    # One chunk more than there are whole ones: the last is shorter, and empty if need be.
    chunks = [
        keys.aead.encrypt(keys.nonce(i), plaintext[i * CHUNK : (i + 1) * CHUNK], None)
        for i in range(len(plaintext) // CHUNK + 1)
    ]
    return salt + keys.commitment + b"".join(chunks)


def open_(suite: int, file_key: bytes, context: bytes, payload: bytes) -> bytes:
    """Open a payload as a whole.

    Raises:
        Truncated: the last chunk is missing, or what comes before the first.
        DecryptFailed: the commitment or a chunk is not what was sealed.
    """
    if len(payload) < FRONT or (len(payload) - FRONT) % (CHUNK + TAG) < TAG:
        raise Truncated("the payload has lost its end")
    keys = Keys.derive(suite, file_key, payload[:SALT], context)
    if not hmac.compare_digest(keys.commitment, payload[SALT:FRONT]):
        raise DecryptFailed("it does not open with this key")
    sealed = [payload[at : at + CHUNK + TAG] for at in range(FRONT, len(payload), CHUNK + TAG)]
    try:
        return b"".join(
            keys.aead.decrypt(keys.nonce(i), chunk, None) for i, chunk in enumerate(sealed)
        )
    except InvalidTag as error:
        raise DecryptFailed("a chunk was altered") from error
