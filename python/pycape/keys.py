"""Keys that a person or a service holds itself. Spec: docs/spec/envelope.md, keys in text."""

from __future__ import annotations

import base64
import binascii
import os
import re
from pathlib import Path

from ._account import create_secret, read_secret
from ._core import PrivateKey, PublicKey
from .errors import ConfigError, KeyInvalid

__all__ = ["PrivateKey", "PublicKey", "load_private_key", "save_private_key"]

# RFC 7468; what OpenSSL and others write of RSA keys.
_PKCS8 = re.compile(
    r"-----BEGIN PRIVATE KEY-----\s(?P<der>[A-Za-z0-9+/=\s]*)-----END PRIVATE KEY-----"
)


def load_private_key(path: str | os.PathLike[str]) -> PrivateKey:
    """Read a private key from a file that only its owner may read.

    Args:
        path: A file with the key's text form, `capesk1...`, or an RSA key in PEM (PKCS#8, without a
            password), as the first system's users have it.

    Raises:
        TypeError: `path` is no path.
        ConfigError: there is no such file, it cannot be read, or others can read it.
        KeyInvalid: it holds no private key.
    """
    text = read_secret(Path(path))
    if text is None:
        raise ConfigError(f"{path} cannot be read: there is no such file")
    if pem := _PKCS8.fullmatch(text.strip()):
        try:
            der = base64.b64decode("".join(pem["der"].split()), validate=True)
        except binascii.Error as error:
            raise KeyInvalid(f"{path} holds no private key: {error}") from error
        return PrivateKey.from_raw("rsa", der)
    return PrivateKey.from_text(text.strip())


def save_private_key(private_key: PrivateKey, path: str | os.PathLike[str]) -> None:
    """Write a private key's text form into a new file that only its owner may read.

    Raises:
        TypeError: `private_key` is no private key, or `path` no path.
        ConfigError: there is such a file already, or it cannot be written.
    """
    if not isinstance(private_key, PrivateKey):
        raise TypeError(f"a private key is wanted, not {type(private_key).__name__}")
    create_secret(Path(path), private_key.to_text())
