"""Bytes as text: base64url, Base58, and bech32m, in the one form that an encoder writes.

docs/spec/trust.md, notation.
"""

import base64

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32M_CONSTANT = 0x2BC830A3
GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Read base64url.

    Raises:
        ValueError: padding, other characters, or bits left over that are not zero.
    """
    octets = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if base64url(octets) != text:
        raise ValueError("base64url that is not canonical")
    return octets


def base58(octets: bytes) -> str:
    number = int.from_bytes(octets, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = BASE58[digit] + digits
    zeros = len(octets) - len(octets.lstrip(b"\0"))
    return "1" * zeros + digits


def bech32m(prefix: str, octets: bytes) -> str:
    """Write bech32m (BIP 350), of any length."""
    data = regroup(octets, 8, 5, pad=True)
    checksum = polymod(expand(prefix) + data + [0] * 6) ^ BECH32M_CONSTANT
    data += [checksum >> 5 * (5 - position) & 31 for position in range(6)]
    return prefix + "1" + "".join(BECH32[value] for value in data)


def from_bech32m(prefix: str, text: str) -> bytes:
    """Read bech32m with this prefix.

    Raises:
        ValueError: another prefix, a checksum that does not hold, or what no encoder writes.
    """
    front, _, back = text.rpartition("1")
    if front != prefix:
        raise ValueError(f"a text that begins with {prefix}1 was expected")
    data = [BECH32.index(character) for character in back]
    octets = bytes(regroup(data[:-6], 5, 8, pad=False))
    if bech32m(prefix, octets) != text:
        raise ValueError("the checksum or the padding is wrong")
    return octets


def regroup(values, before: int, after: int, *, pad: bool) -> list[int]:
    """Cut a sequence of numbers of `before` bits into numbers of `after` bits."""
    accumulator = bits = 0
    groups = []
    for value in values:
        accumulator = accumulator << before | value
        bits += before
        while bits >= after:
            bits -= after
            groups.append(accumulator >> bits)
            accumulator &= (1 << bits) - 1
    if pad and bits:
        groups.append(accumulator << after - bits)
    return groups


def expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for position, generator in enumerate(GENERATORS):
            if top >> position & 1:
                checksum ^= generator
    return checksum
