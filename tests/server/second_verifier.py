"""A second verifier of signed statements, to compare the package with.

Written from docs/spec/trust.md with pyca/cryptography, sharing no code with the package. It judges
a JWS: form, type, signature. What the fields of each statement may say is left open.
"""

import json
import re

import signing
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def accepts(text, typ):
    """Whether `text` is a statement of this type, signed by the account that it names."""
    try:
        header, payload, signature = text.split(".")
        claims = json.loads(decode(payload), object_pairs_hook=without_duplicates)
        key = Ed25519PublicKey.from_public_bytes(account_key(claims["account"]))
        key.verify(decode(signature), f"{header}.{payload}".encode())
    except (ValueError, KeyError, TypeError, InvalidSignature):
        return False
    return decode(header) == signing.compact({"alg": "EdDSA", "typ": typ})


def decode(text):
    octets = signing.decode(text)
    if signing.encode(octets) != text:
        raise ValueError("not canonical base64url")
    return octets


def without_duplicates(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("duplicate key")
    return dict(pairs)


def account_key(account):
    if not re.fullmatch("cape1[02-9ac-hj-np-z]{58}", account):
        raise ValueError("not an account id")
    data = [signing.BECH32.index(character) for character in account[5:]]
    if signing.bech32_polymod(signing.expanded_prefix() + data) != signing.BECH32M:
        raise ValueError("the account id's checksum is wrong")
    key = bytes(signing.regroup(data[:-6], 5, 8, pad=False))
    if signing.account_id(key) != account:
        raise ValueError("the account id has non-zero padding")
    return key
