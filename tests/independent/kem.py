"""The two key encapsulation mechanisms: DHKEM(X25519, HKDF-SHA256) and X-Wing.

RFC 9180, section 4.1; draft-ietf-hpke-pq and draft-connolly-cfrg-xwing-kem.
"""

import hashlib
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from .errors import KeyInvalid
from .labeled import labeled_expand, labeled_extract

MLKEM_PUBLIC, MLKEM_CIPHERTEXT = 1184, 1088
XWING_LABEL = rb"\.//^" + b"\\"

P = 2**255 - 19
ORDER_8 = (
    0x00B8495F16056286FDB1329CEB8D09DA6AC49FF1FAE35616AEB8413B7C7AEBE0,
    0x57119FD0DD4E22D8868E1C58C45C44045BEF839C55B1D0B1248C50A3BC959C5F,
)
LOW_ORDER = {0, 1, P - 1, P, P + 1, *ORDER_8}


class Kem(Protocol):
    """What both mechanisms do. A private key is 32 bytes: the scalar, or the seed.

    `check` raises KeyInvalid for a public key that no honest party makes.
    """

    id: int
    public_size: int
    encapsulated_size: int

    def public_key(self, private: bytes) -> bytes: ...
    def check(self, public: bytes) -> None: ...
    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]: ...
    def decapsulate(self, encapsulated: bytes, private: bytes) -> bytes: ...


class X25519:
    """DHKEM(X25519, HKDF-SHA256), RFC 9180, section 4.1."""

    id = 0x0020
    public_size = 32
    encapsulated_size = 32

    def public_key(self, private: bytes) -> bytes:
        return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()

    def check(self, public: bytes) -> None:
        check_share(public)

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        return self._shared_secret(exchange(ephemeral, public), share, public), share

    def decapsulate(self, encapsulated: bytes, private: bytes) -> bytes:
        key = X25519PrivateKey.from_private_bytes(private)
        public = key.public_key().public_bytes_raw()
        return self._shared_secret(exchange(key, encapsulated), encapsulated, public)

    def _shared_secret(self, dh: bytes, encapsulated: bytes, public: bytes) -> bytes:
        suite = b"KEM" + self.id.to_bytes(2, "big")
        pseudorandom = labeled_extract(suite, b"", b"eae_prk", dh)
        return labeled_expand(suite, pseudorandom, b"shared_secret", encapsulated + public, 32)


class XWing:
    """ML-KEM-768 with X25519. In keys and encapsulations ML-KEM comes first."""

    id = 0x647A
    public_size = MLKEM_PUBLIC + 32
    encapsulated_size = MLKEM_CIPHERTEXT + 32

    def public_key(self, private: bytes) -> bytes:
        mlkem, x25519 = self._expand(private)
        return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    def check(self, public: bytes) -> None:
        self._mlkem_public(public[:MLKEM_PUBLIC])
        check_share(public[MLKEM_PUBLIC:])

    def encapsulate(self, public: bytes) -> tuple[bytes, bytes]:
        mlkem_public, x25519_public = public[:MLKEM_PUBLIC], public[MLKEM_PUBLIC:]
        mlkem_secret, ciphertext = self._mlkem_public(mlkem_public).encapsulate()
        ephemeral = X25519PrivateKey.generate()
        share = ephemeral.public_key().public_bytes_raw()
        x25519_secret = exchange(ephemeral, x25519_public)
        return combine(mlkem_secret, x25519_secret, share, x25519_public), ciphertext + share

    def decapsulate(self, encapsulated: bytes, private: bytes) -> bytes:
        mlkem, x25519 = self._expand(private)
        ciphertext, share = encapsulated[:MLKEM_CIPHERTEXT], encapsulated[MLKEM_CIPHERTEXT:]
        mlkem_secret = mlkem.decapsulate(ciphertext)
        x25519_secret = exchange(x25519, share)
        return combine(mlkem_secret, x25519_secret, share, x25519.public_key().public_bytes_raw())

    @staticmethod
    def _expand(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        expanded = hashlib.shake_256(seed).digest(96)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64])
        return mlkem, X25519PrivateKey.from_private_bytes(expanded[64:])

    @staticmethod
    def _mlkem_public(octets: bytes) -> MLKEM768PublicKey:
        # FIPS 203, section 7.2: coefficients that are not below the modulus are refused.
        try:
            return MLKEM768PublicKey.from_public_bytes(octets)
        except ValueError as error:
            raise KeyInvalid("no ML-KEM-768 key") from error


KEMS: dict[int, Kem] = {kem.id: kem for kem in (X25519(), XWing())}


def combine(mlkem_secret: bytes, x25519_secret: bytes, share: bytes, public: bytes) -> bytes:
    """Return X-Wing's shared secret."""
    message = mlkem_secret + x25519_secret + share + public + XWING_LABEL
    return hashlib.sha3_256(message).digest()


def exchange(private: X25519PrivateKey, share: bytes) -> bytes:
    check_share(share)
    return private.exchange(X25519PublicKey.from_public_bytes(share))


def check_share(share: bytes) -> None:
    """Refuse an X25519 share of low order, whose secret everybody knows.

    Raises:
        KeyInvalid: it is of low order, or not of 32 bytes.
    """
    if len(share) != 32:
        raise KeyInvalid("an X25519 share has 32 bytes")
    if int.from_bytes(share, "little") % 2**255 in LOW_ORDER:
        raise KeyInvalid("an X25519 share of low order")
