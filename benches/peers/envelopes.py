"""Packages that encrypt for a public key, and AES-256-GCM without any envelope."""

import os
from collections.abc import Callable
from typing import Any

Work = Callable[[], object]


def _aes_gcm() -> tuple[Any, bytes]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(os.urandom(32)), os.urandom(12)


def _aes_gcm_encrypt(size: int) -> Work:
    key, nonce = _aes_gcm()
    data = os.urandom(size)
    return lambda: key.encrypt(nonce, data, None)


def _aes_gcm_decrypt(size: int) -> Work:
    key, nonce = _aes_gcm()
    sealed = key.encrypt(nonce, os.urandom(size), None)
    return lambda: key.decrypt(nonce, sealed, None)


def _hpke() -> tuple[Any, Any]:
    from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

    key = MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.generate(), x25519.X25519PrivateKey.generate()
    )
    return Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM), key


def _hpke_encrypt(size: int) -> Work:
    suite, key = _hpke()
    data, public_key = os.urandom(size), key.public_key()
    return lambda: suite.encrypt(data, public_key, b"")


def _hpke_decrypt(size: int) -> Work:
    suite, key = _hpke()
    sealed = suite.encrypt(os.urandom(size), key.public_key(), b"")
    return lambda: suite.decrypt(sealed, key, b"")


def _pyrage_encrypt(size: int) -> Work:
    import pyrage

    recipient = pyrage.x25519.Identity.generate().to_public()
    data = os.urandom(size)
    return lambda: pyrage.encrypt(data, [recipient])


def _pyrage_decrypt(size: int) -> Work:
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    sealed = pyrage.encrypt(os.urandom(size), [identity.to_public()])
    return lambda: pyrage.decrypt(sealed, [identity])


def _pynacl_encrypt(size: int) -> Work:
    from nacl.public import PrivateKey, SealedBox

    box = SealedBox(PrivateKey.generate().public_key)
    data = os.urandom(size)
    return lambda: box.encrypt(data)


def _pynacl_decrypt(size: int) -> Work:
    from nacl.public import PrivateKey, SealedBox

    key = PrivateKey.generate()
    sealed, box = SealedBox(key.public_key).encrypt(os.urandom(size)), SealedBox(key)
    return lambda: box.decrypt(sealed)


def _tink() -> Any:
    import tink
    from tink import hybrid

    hybrid.register()
    templates = hybrid.hybrid_key_templates
    return tink.new_keyset_handle(templates.X_WING_HKDF_SHA256_HKDF_SHA256_AES_256_GCM)


def _tink_encrypt(size: int) -> Work:
    keys = _tink()
    from tink import hybrid

    sealer = keys.public_keyset_handle().primitive(hybrid.HybridEncrypt)
    data = os.urandom(size)
    return lambda: sealer.encrypt(data, b"")


def _tink_decrypt(size: int) -> Work:
    keys = _tink()
    from tink import hybrid

    sealed = (
        keys.public_keyset_handle().primitive(hybrid.HybridEncrypt).encrypt(os.urandom(size), b"")
    )
    opener = keys.primitive(hybrid.HybridDecrypt)
    return lambda: opener.decrypt(sealed, b"")


WORKS: dict[str, Callable[..., Work]] = {
    "AES-256-GCM decrypt": _aes_gcm_decrypt,
    "AES-256-GCM encrypt": _aes_gcm_encrypt,
    "HPKE decrypt": _hpke_decrypt,
    "HPKE encrypt": _hpke_encrypt,
    "PyNaCl decrypt": _pynacl_decrypt,
    "PyNaCl encrypt": _pynacl_encrypt,
    "Tink decrypt": _tink_decrypt,
    "Tink encrypt": _tink_encrypt,
    "pyrage decrypt": _pyrage_decrypt,
    "pyrage encrypt": _pyrage_encrypt,
}
