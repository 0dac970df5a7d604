"""`keys/`: read by the second implementation, and by the package."""

import pytest
from tests.independent.errors import CapeError as RefusedByTheOther
from tests.independent.keys import PrivateKey, PublicKey

from pycape import errors, keys

from .case import load

KEYS = pytest.mark.parametrize("vector", load("keys"), ids=lambda vector: vector["name"])
KINDS = {"x25519": 0x0020, "xwing": 0x647A, "rsa": 0xFF01}


@KEYS
def test_the_other_implementation_says_what_is_written(vector):
    def read():
        if vector["kind"] == "private":
            key = PrivateKey.from_text(vector["text"])
            return key.text, key.type, key.octets.hex(), key.public_key().text
        key = PublicKey.from_text(vector["text"])
        return key.text, key.type, key.octets.hex(), key.key_id.hex(), key.fingerprint

    assert verdict(read, RefusedByTheOther) == expected(vector)


@KEYS
def test_the_package_says_what_is_written(vector):
    def read():
        if vector["kind"] == "private":
            key = keys.PrivateKey.from_text(vector["text"])
            return key.to_text(), KINDS[key.kind], key.to_raw().hex(), key.public_key.to_text()
        key = keys.PublicKey.from_text(vector["text"])
        return (
            key.to_text(),
            KINDS[key.kind],
            key.to_raw().hex(),
            key.key_id.hex(),
            key.fingerprint,
        )

    assert verdict(read, errors.CapeError) == expected(vector)


def verdict(read, refused):
    try:
        return read()
    except refused as error:
        return type(error).__name__


def expected(vector):
    if vector["error"] is not None:
        return vector["error"]
    follows = ["public_key"] if vector["kind"] == "private" else ["key_id", "fingerprint"]
    return tuple(vector[name] for name in ("text", "type", "key", *follows))
