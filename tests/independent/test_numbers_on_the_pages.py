"""Numbers that another implementation would copy from the specification."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from tests.independent import jws

from pycape.errors import KeyInvalid
from pycape.keys import PublicKey

SPEC = Path(__file__).parents[2] / "docs" / "spec"


def long_numbers(page: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d{60,}", (SPEC / page).read_text("utf-8"))]


def doubled(point: tuple[int, int]) -> tuple[int, int]:
    """Add a point of edwards25519 to itself (RFC 8032, section 5.1)."""
    p = jws.P
    d = -121665 * pow(121666, -1, p) % p
    x, y = point
    shared = d * x * x * y * y % p
    return (
        2 * x * y * pow(1 + shared, -1, p) % p,
        (y * y + x * x) * pow(1 - shared, -1, p) % p,
    )


def x_of(y: int) -> int:
    p = jws.P
    d = -121665 * pow(121666, -1, p) % p
    square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    root = pow(square, (p + 3) // 8, p)
    if root * root % p != square:
        root = root * pow(2, (p - 1) // 4, p) % p
    assert root * root % p == square, "no point of the curve"
    return root


def test_account_keys_of_order_8():
    numbers = long_numbers("trust.md")
    assert numbers == list(jws.ORDER_8)
    for y in numbers:
        twice = doubled((x_of(y), y))
        four_times = doubled(twice)
        assert four_times != (0, 1)
        assert doubled(four_times) == (0, 1)


def test_shares_of_order_8():
    numbers = long_numbers("envelope.md")
    assert len(set(numbers)) == 2
    for number in numbers:
        share = number.to_bytes(32, "little")
        with pytest.raises(ValueError, match="shared key"):
            X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(share))
        with pytest.raises(KeyInvalid):
            PublicKey.from_raw("x25519", share)
