"""Keys as callers pass them: a key itself, its text, or the path of a file."""

from __future__ import annotations

import os
from contextlib import suppress

from ._arguments import only_path
from ._files import read_bytes, write_output
from ._key_reader import read_public_key
from .keys import PrivateKey, PublicKey, load_private_key

_PRIVATE_KEY_BEGINS = "capesk1"


def public_key_of(key: bytes | str | PublicKey) -> PublicKey:
    """Return a public key, or read its text, PEM or DER.

    Raises:
        TypeError: it is none of these.
        KeyInvalid: it is no public key's.
    """
    if isinstance(key, PublicKey):
        return key
    if not isinstance(key, bytes | str):
        raise TypeError(f"a key is a PublicKey or its text, not {type(key).__name__}")
    return read_public_key(
        key.encode("utf-8", "replace") if isinstance(key, str) else key, "the key given"
    )


def private_key_of(key: PrivateKey | str | os.PathLike[str]) -> PrivateKey:
    """Return a private key, or read it from the file at a path.

    Raises:
        TypeError: it is neither.
        ValueError: it is a private key's text.
        ConfigError: the file cannot be read, or others can read it.
        KeyInvalid: the file holds no private key.
    """
    if isinstance(key, PrivateKey):
        return key
    if isinstance(key, str) and key.startswith(_PRIVATE_KEY_BEGINS):
        raise ValueError("this is a private key's text, and no path: PrivateKey.from_text reads it")
    return load_private_key(key)


def check_not_the_key(destination: str | os.PathLike[str], key: object) -> None:
    """Raise `ValueError` if a private key was read from the file that is to be written."""
    same = False
    if isinstance(key, str | os.PathLike):
        with suppress(OSError):  # nothing is there, or it is told of when it is written
            same = os.path.samefile(destination, key)  # noqa: PTH121 - names of any type
    if same:
        raise ValueError(f"{key} and {destination} are the same file")


def kept_key(path: str | os.PathLike[str] | None) -> bytes | None:
    """Return the text of the public key in a file; None when there is no file.

    Raises:
        ConfigError: it cannot be read.
        KeyInvalid: it holds no key.
    """
    data = None if path is None else read_bytes(only_path("key_path", path))
    if path is None or data is None:
        return None
    return read_public_key(data, os.fspath(path)).to_text().encode()


def keep_key(key: bytes, path: str | os.PathLike[str] | None) -> None:
    """Write the text of a public key to a file, if one is named."""
    if path is not None:
        write_output(only_path("key_path", path), key)
