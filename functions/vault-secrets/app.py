"""Sign messages with a key that is in an encrypted configuration, and never comes out.

Over one connection, the first input is the configuration, encrypted for this function alone:

    {"key_id": "2026-11", "signing_key": "64 hexadecimal digits or more"}

Its output is {"key_id": ..., "check": ...}: the first 12 digits of the signature of "check value",
for people to compare who have one key. Each further input is a message of at most 1 MiB, and its
output {"key_id": ..., "signature": ...}: HMAC-SHA256 in hexadecimal, as webhooks are signed.
"""

import hashlib
import hmac
import json

LIMIT = 1 << 20
SHORTEST_KEY = 32

# The state of one connection: a worker is nobody else's as long as that lasts (cape.toml).
opened: list[tuple[str, bytes]] = []


def cape_handler(input_bytes: bytes) -> str:
    if not opened:
        opened.append(parse(input_bytes))
        key_id, key = opened[0]
        return json.dumps({"key_id": key_id, "check": sign(key, b"check value")[:12]})
    if len(input_bytes) > LIMIT:
        raise ValueError(
            f"the message has {len(input_bytes):,} bytes; {LIMIT:,} at most are signed"
        )
    key_id, key = opened[0]
    return json.dumps({"key_id": key_id, "signature": sign(key, input_bytes)})


def sign(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, hashlib.sha256).hexdigest()


def parse(configuration: bytes) -> tuple[str, bytes]:
    """No error repeats what the configuration says."""
    try:
        fields = json.loads(configuration)
        key_id, key = str(fields["key_id"]), bytes.fromhex(fields["signing_key"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError("the first input is JSON with key_id and signing_key, in hex") from None
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"a signing key has {SHORTEST_KEY} bytes or more")
    return key_id, key
