"""Keys as people have them: in text, or RSA keys in PEM or DER; from a file, stdin, an argument.

Spec: docs/spec/envelope.md, keys in text.
"""

from __future__ import annotations

import base64
import binascii
import re

from ._core import PrivateKey, PublicKey
from .errors import KeyInvalid

_PUBLIC_TEXT = b"capepk1"
_PRIVATE_TEXT = b"capesk1"
_ACCOUNT_TEXT = b"capeaccountsk1"

# RFC 7468; what OpenSSL and others write.
_PEM_BEGINS = b"-----BEGIN "
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_PEM = re.compile(
    rb"-----BEGIN (?P<label>[A-Z0-9 ]+)-----\s(?P<der>[A-Za-z0-9+/=\s]*)-----END (?P=label)-----"
)
_PRIVATE_PEM = re.compile(rb"^-----BEGIN (?:[A-Z0-9 ]+ )?PRIVATE KEY-----", re.MULTILINE)

_SPKI = "PUBLIC KEY"
_PKCS8 = "PRIVATE KEY"
_PKCS1 = "RSA PRIVATE KEY"
_PKCS1_PUBLIC = "RSA PUBLIC KEY"
_ENCRYPTED = "ENCRYPTED PRIVATE KEY"
_CERTIFICATE = "CERTIFICATE"

_TO_PKCS8 = "`openssl pkcs8 -topk8 -nocrypt -in KEY -out NEW` writes it as it is read here"

# What is no key here, by the label of its PEM: what it is called, and what makes a key of it.
_CALLED = {
    _PKCS1: ("an RSA private key in the older form, PKCS#1", _TO_PKCS8),
    _PKCS1_PUBLIC: (
        "an RSA public key in the older form, PKCS#1",
        "`openssl rsa -RSAPublicKey_in -in KEY -pubout -out NEW` writes it as others are",
    ),
    _ENCRYPTED: ("a private key under a password", _TO_PKCS8),
    _CERTIFICATE: (
        "a certificate",
        "`openssl x509 -in KEY -noout -pubkey -out NEW` writes the public key in it",
    ),
}

# What the DER of each begins with, after the header of the outermost sequence (X.690, 8.1).
_OUTER = rb"\x30(?:\x82..|\x81.|[^\x80-\xff])"
_PKCS = rb"\x2a\x86\x48\x86\xf7\x0d\x01"
_DER = {
    label: re.compile(_OUTER + begins, re.DOTALL)
    for label, begins in {
        _SPKI: rb"\x30\x0d\x06\x09" + _PKCS + rb"\x01\x01",
        _PKCS8: rb"\x02\x01\x00\x30",
        _PKCS1: rb"\x02\x01\x00\x02",
        _PKCS1_PUBLIC: rb"\x02[\x81\x82]",
        _ENCRYPTED: rb"\x30.\x06\x09" + _PKCS + rb"\x05",
        _CERTIFICATE: rb"\x30\x82..(?:\xa0\x03\x02\x01\x02)?\x02",
    }.items()
}


def read_key(data: bytes, name: str) -> PublicKey | PrivateKey:
    """Read a key of either kind; `name` says in errors where the bytes are from.

    Raises:
        KeyInvalid: it is none; the hint says what can be made of what it is.
    """
    try:
        return _read(data)
    except KeyInvalid as error:
        raise KeyInvalid(f"{name}: {error}", hint=error.hint) from error


def read_private_key(data: bytes, name: str) -> PrivateKey:
    """Read a private key, as `read_key` does.

    Raises:
        KeyInvalid: it is none.
    """
    key = read_key(data, name)
    if isinstance(key, PrivateKey):
        return key
    raise KeyInvalid(
        f"{name}: this is a public key, and a private one is wanted",
        hint="`cape keys generate FILE` makes a pair, and writes the private key into FILE",
    )


def read_public_key(data: bytes, name: str) -> PublicKey:
    """Read a public key, as `read_key` does.

    Raises:
        KeyInvalid: it is none.
    """
    key = read_key(data, name)
    if isinstance(key, PublicKey):
        return key
    raise KeyInvalid(
        f"{name}: this is a private key, and a public one is wanted",
        hint="`cape keys show FILE` prints the public key of a private key's file",
    )


def is_key(data: bytes) -> bool:
    """Whether bytes begin as the text, the PEM or the DER of what `read_key` reads or names.

    But for an account's key, which `read_key` names too: it neither seals nor opens.
    """
    text = data.lstrip()
    return text.startswith((_PUBLIC_TEXT, _PRIVATE_TEXT, _PEM_BEGINS)) or (
        _label_of_der(data) is not None
    )


def is_private_key(data: bytes) -> bool:
    """Whether bytes begin as a private key, of an account or of another kind too.

    One in PEM may have something before it, as OpenSSL writes of PKCS#12.
    """
    return (
        data.lstrip().startswith((_PRIVATE_TEXT, _ACCOUNT_TEXT))
        or _PRIVATE_PEM.search(data) is not None
        or _label_of_der(data) in {_PKCS8, _PKCS1, _ENCRYPTED}
    )


def is_meant_as_key(text: str) -> bool:
    """Whether a text begins as a public key does, and no user name or account id."""
    return text.lstrip().startswith((_PUBLIC_TEXT.decode(), _PEM_BEGINS.decode()))


def _read(data: bytes) -> PublicKey | PrivateKey:
    text = data.strip()
    if text.startswith(_PUBLIC_TEXT):
        return PublicKey.from_text(text.decode("ascii", "replace"))
    if text.startswith(_PRIVATE_TEXT):
        return PrivateKey.from_text(text.decode("ascii", "replace"))
    if text.startswith(_ACCOUNT_TEXT):
        raise KeyInvalid("this is an account's key, which signs and decrypts nothing")
    is_pem = text.startswith(_PEM_BEGINS)
    label = _label_of_pem(text) if is_pem else _label_of_der(data)
    if label in {_SPKI, _PKCS8}:
        kind = PublicKey if label == _SPKI else PrivateKey
        return kind.from_raw("rsa", _der_in_pem(text) if is_pem else data)
    if label is None:
        raise KeyInvalid("this is no key" if text else "there is no key in it")
    called, hint = _CALLED.get(label, (f"{label} in PEM, which is not supported", None))
    raise KeyInvalid(f"this is {called}", hint=hint)


def _label_of_pem(text: bytes) -> str | None:
    label = _LABEL.match(text)
    return None if label is None else label[1].decode()


def _label_of_der(data: bytes) -> str | None:
    """Return the label that DER would have as PEM."""
    return next((label for label, begins in _DER.items() if begins.match(data)), None)


def _der_in_pem(text: bytes) -> bytes:
    pem = _PEM.fullmatch(text)
    if pem is None:
        raise KeyInvalid("this is not one key in PEM, whole and alone")
    try:
        return base64.b64decode(b"".join(pem["der"].split()), validate=True)
    except binascii.Error as error:
        raise KeyInvalid(f"its PEM is damaged: {error}") from error
