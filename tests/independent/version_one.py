"""Envelopes of version 1, the form of the first system. docs/spec/envelope.md, version 1."""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import DecryptFailed, Truncated, UnsupportedFormat
from .keys import OAEP, PrivateKey, PublicKey

PREFIX = b"cape:"
NONCE, TAG = 12, 16


def seal(plaintext: bytes, recipient: PublicKey) -> bytes:
    """Seal for an RSA key; the text form, which is the only one."""
    key, nonce = os.urandom(32), os.urandom(NONCE)
    wrapped = recipient.rsa().encrypt(key, OAEP)
    return to_text(wrapped + nonce + AESGCM(key).encrypt(nonce, plaintext, None))


def open_(text: bytes, private_key: PrivateKey) -> bytes:
    """Open with an RSA key.

    Raises:
        UnsupportedFormat: no text of version 1.
        Truncated: it is shorter than without any plaintext.
        DecryptFailed: it is for another key, or was altered.
    """
    binary = from_text(text)
    modulus = private_key.rsa().key_size // 8
    if len(binary) < modulus + NONCE + TAG:
        raise Truncated("it ends too early")
    nonce, sealed = binary[modulus : modulus + NONCE], binary[modulus + NONCE :]
    try:
        key = private_key.rsa().decrypt(binary[:modulus], OAEP)
        return AESGCM(key).decrypt(nonce, sealed, None)
    except (ValueError, InvalidTag) as error:
        raise DecryptFailed("it does not open with this key") from error


def to_text(binary: bytes) -> bytes:
    return PREFIX + base64.b64encode(binary)


def from_text(text: bytes) -> bytes:
    encoded = text.removeprefix(PREFIX)
    if encoded == text or b":" in encoded:
        raise UnsupportedFormat("no text of version 1")
    try:
        binary = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise UnsupportedFormat("no base64") from error
    if base64.b64encode(binary) != encoded:
        raise UnsupportedFormat("base64 of another form")
    return binary
