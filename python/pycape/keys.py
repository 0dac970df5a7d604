"""Keys that a person or a service holds itself. Spec: docs/spec/envelope.md, keys in text."""

from __future__ import annotations

import os

from ._account import create_secret, read_secret_bytes
from ._arguments import only_path
from ._core import PrivateKey, PublicKey
from ._key_reader import read_private_key
from .errors import ConfigError

__all__ = ["PrivateKey", "PublicKey", "load_private_key", "save_private_key"]


def load_private_key(path: str | os.PathLike[str]) -> PrivateKey:
    """Read a private key from a file that only its owner may read.

    Args:
        path: A file with the key's text form, `capesk1...`, or an RSA key in PEM or DER (PKCS#8,
            without a password), as the first system's users have it.

    Raises:
        TypeError: `path` is no path.
        ConfigError: there is no such file, it cannot be read, or others can read it.
        KeyInvalid: it holds no private key.
    """
    file = only_path("path", path)
    data = read_secret_bytes(file)
    if data is None:
        raise ConfigError(
            f"{file} cannot be read: there is no such file",
            hint="`cape keys generate FILE` makes a key pair",
        )
    return read_private_key(data, os.fspath(path))


def save_private_key(private_key: PrivateKey, path: str | os.PathLike[str]) -> None:
    """Write a private key's text form into a new file that only its owner may read.

    Raises:
        TypeError: `private_key` is no private key, or `path` no path.
        ConfigError: there is such a file already, or it cannot be written.
    """
    if not isinstance(private_key, PrivateKey):
        raise TypeError(f"a private key is wanted, not {type(private_key).__name__}")
    create_secret(only_path("path", path), private_key.to_text())
