"""Recipients' keys, their ids, and their text. docs/spec/envelope.md, stanzas and keys in text."""

import hashlib
import os
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from . import hpke
from .errors import DecryptFailed, KeyInvalid, UnsupportedFormat
from .kem import KEMS
from .text import bech32m, from_bech32m

RSA = 0xFF01
X25519 = 0x0020
XWING = 0x647A

TEXT_LIMIT = 8192
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
DER = serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


@dataclass(frozen=True)
class PublicKey:
    """A key that can be sealed for.

    Raises:
        KeyInvalid: its length or form is not its type's, or it is of low order.
        UnsupportedFormat: the type is not known.
    """

    type: int
    octets: bytes

    def __post_init__(self):
        if self.type == RSA:
            self.rsa()
        elif self.type not in KEMS:
            raise UnsupportedFormat(f"a key of the type {self.type:#06x}")
        elif len(self.octets) != KEMS[self.type].public_size:
            raise KeyInvalid("a key of another length")
        else:
            KEMS[self.type].check(self.octets)

    @property
    def hash(self) -> bytes:
        return hashlib.sha256(b"cape/2 key" + self.type.to_bytes(2, "big") + self.octets).digest()

    @property
    def key_id(self) -> bytes:
        return self.hash[:8]

    @property
    def fingerprint(self) -> str:
        return self.hash[:16].hex()

    @property
    def text(self) -> str:
        return bech32m("capepk", self.type.to_bytes(2, "big") + self.octets)

    @classmethod
    def from_text(cls, text: str) -> "PublicKey":
        return cls(*from_text("capepk", text))

    def rsa(self) -> rsa.RSAPublicKey:
        try:
            key = serialization.load_der_public_key(self.octets)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyInvalid("no SubjectPublicKeyInfo") from error
        if not isinstance(key, rsa.RSAPublicKey) or not 2048 <= key.key_size <= 8192:
            raise KeyInvalid("no RSA key of 2048 to 8192 bits")
        if key.public_bytes(DER, SPKI) != self.octets:
            raise KeyInvalid("a SubjectPublicKeyInfo that is not DER")
        return key

    def wrap(self, file_key: bytes, preamble: bytes) -> bytes:
        """Return the body of a stanza; `preamble` is bytes [0, 8) of the header."""
        if self.type == RSA:
            return self.rsa().encrypt(file_key, OAEP)
        return hpke.seal(self.type, self.octets, wrap_info(self.type, preamble), file_key)


@dataclass(frozen=True)
class PrivateKey:
    """A key that opens."""

    type: int
    octets: bytes = field(repr=False)

    def __post_init__(self):
        if self.type == RSA:
            self.rsa()
        elif self.type not in KEMS:
            raise UnsupportedFormat(f"a key of the type {self.type:#06x}")
        elif len(self.octets) != 32:
            raise KeyInvalid("a private key has 32 bytes")

    @classmethod
    def generate(cls, type_: int) -> "PrivateKey":
        if type_ != RSA:
            return cls(type_, os.urandom(32))
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pkcs8 = serialization.PrivateFormat.PKCS8
        return cls(RSA, key.private_bytes(DER, pkcs8, serialization.NoEncryption()))

    @property
    def text(self) -> str:
        return bech32m("capesk", self.type.to_bytes(2, "big") + self.octets)

    @classmethod
    def from_text(cls, text: str) -> "PrivateKey":
        return cls(*from_text("capesk", text))

    def public_key(self) -> PublicKey:
        if self.type == RSA:
            return PublicKey(RSA, self.rsa().public_key().public_bytes(DER, SPKI))
        return PublicKey(self.type, KEMS[self.type].public_key(self.octets))

    def rsa(self) -> rsa.RSAPrivateKey:
        try:
            key = serialization.load_der_private_key(self.octets, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeyInvalid("no PKCS#8") from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise KeyInvalid("no RSA key")
        return key

    def unwrap(self, body: bytes, preamble: bytes) -> bytes:
        """Return what the body of a stanza holds.

        Raises:
            DecryptFailed: it is for another key, or was altered, whatever the reason.
        """
        try:
            if self.type == RSA:
                return self.rsa().decrypt(body, OAEP)
            return hpke.open_(self.type, self.octets, wrap_info(self.type, preamble), body)
        except (ValueError, KeyInvalid) as error:
            raise DecryptFailed("it does not open with this key") from error


def wrap_info(type_: int, preamble: bytes) -> bytes:
    return b"cape/2 wrap" + type_.to_bytes(2, "big") + preamble


def from_text(prefix: str, text: str) -> tuple[int, bytes]:
    try:
        octets = from_bech32m(prefix, text)
    except ValueError as error:
        raise KeyInvalid(str(error)) from error
    if len(text) > TEXT_LIMIT or len(octets) < 2:
        raise KeyInvalid("a text that is too long or too short")
    return int.from_bytes(octets[:2], "big"), octets[2:]
