"""pycape 3.1.1, of the first system: its envelope, and its check of attestation documents."""

import base64
import importlib
import os
from collections.abc import Callable
from typing import Any

Work = Callable[[], object]


def _encrypt(size: int) -> Work:
    """Do what its `Cape.encrypt` does when it has the key: RSA-4096, AES-256-GCM, base64."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    cape_encrypt: Any = importlib.import_module("pycape.cape_encrypt")
    public_key = rsa.generate_private_key(65537, 4096).public_key()
    key = public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    data = os.urandom(size)
    return lambda: b"cape:" + base64.b64encode(cape_encrypt.encrypt(data, key))


def _verify(document: str, root: str) -> Work:
    """Check a document's signature and chain; it checks nothing else but a nonce."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    attestation: Any = importlib.import_module("pycape._attestation")
    octets = base64.b64decode(document)
    pem = x509.load_der_x509_certificate(base64.b64decode(root)).public_bytes(Encoding.PEM)
    return lambda: attestation.parse_attestation(octets, pem)


WORKS: dict[str, Callable[..., Work]] = {
    "pycape 3.1.1 encrypt": _encrypt,
    "pycape 3.1.1 verify": _verify,
}
