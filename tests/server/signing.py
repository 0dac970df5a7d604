"""Accounts that sign for the tests, in plain Python: also what the package would never sign.

Written from docs/spec/trust.md with pyca/cryptography, sharing no code with the package.
"""

import base64
import hashlib
import json
import secrets
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32M = 0x2BC830A3


class Account:
    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        self.id = account_id(self.key.public_key().public_bytes_raw())

    def sign(self, typ, payload, *, header=None):
        header = header or {"alg": "EdDSA", "typ": typ}
        octets = payload if isinstance(payload, bytes) else compact(payload)
        signed = f"{encode(compact(header))}.{encode(octets)}"
        return f"{signed}.{encode(self.key.sign(signed.encode()))}"

    def name_claim(self, name, /, **changes):
        return self.sign("cape-name+jws", {"v": 2, "account": self.id, "name": name, **changes})

    def epoch(self, epoch, /, **changes):
        return self.sign("cape-epoch+jws", {"v": 2, "account": self.id, "epoch": epoch, **changes})

    def revocations(self, number, /, **changes):
        payload = {"v": 2, "account": self.id, "number": number, "iat": now(), **changes}
        payload = {"jtis": [], "checksums": [], **payload}
        return self.sign("cape-revocations+jws", payload)

    def manifest(self, name="echo", version=1, **changes):
        payload = {
            "v": 2,
            "account": self.id,
            "name": name,
            "version": version,
            "bundle_sha256": secrets.token_hex(32),
            "bundle_size": 1000,
            "python": "3.11",
            "platform": "x86_64-manylinux_2_28",
            "handler": "app:cape_handler",
            "isolation": "session",
            "memory_mib": 256,
            "timeout_s": 60,
            "env": {},
            "egress": "none",
            "min_epoch": 0,
        }
        return self.sign("cape-manifest+jws", {**payload, **changes})

    def request(self, method, path, /, **changes):
        nonce = encode(secrets.token_bytes(16))
        payload = {"v": 2, "account": self.id, "method": method, "path": path, "iat": now()}
        return self.sign("cape-request+jws", {**payload, "nonce": nonce, **changes})


def checksum(manifest):
    return hashlib.sha256(b"cape/2 function" + decode(manifest.split(".")[1])).hexdigest()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def account_id(public_key):
    data = regroup(public_key, 8, 5)
    values = expanded_prefix() + data
    polymod = bech32_polymod([*values, 0, 0, 0, 0, 0, 0]) ^ BECH32M
    check = [(polymod >> 5 * (5 - i)) & 31 for i in range(6)]
    return "cape1" + "".join(BECH32[value] for value in data + check)


def encode(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def now():
    return int(time.time())


def expanded_prefix():
    return [ord(c) >> 5 for c in "cape"] + [0] + [ord(c) & 31 for c in "cape"]


def bech32_polymod(values):
    generator = [0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for i in range(5):
            check ^= generator[i] if top >> i & 1 else 0
    return check


def regroup(data, from_bits, to_bits, pad=True):
    accumulator = bits = 0
    result = []
    for value in data:
        accumulator = accumulator << from_bits | value
        bits += from_bits
        while bits >= to_bits:
            bits -= to_bits
            result.append(accumulator >> bits & (1 << to_bits) - 1)
    if pad and bits:
        result.append(accumulator << (to_bits - bits) & (1 << to_bits) - 1)
    return result
