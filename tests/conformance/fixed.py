"""What is the same each time: secrets that are worth nothing, the accounts, and the time."""

import hashlib

from tests.independent.jws import Account

NOW = 1_800_000_000
NOW_MS = NOW * 1000


def octets(label: str, size: int = 32) -> bytes:
    """Return bytes that look random; the label makes them different from others."""
    return hashlib.shake_256(f"cape test vector {label}".encode()).digest(size)


ALICE, BOB = Account(octets("alice")), Account(octets("bob"))
