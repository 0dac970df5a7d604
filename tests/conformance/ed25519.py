"""Signatures that no library makes, by the arithmetic of RFC 8032, section 5.1.

Slow, and not for secrets.
"""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point = tuple[int, int]

BASE: Point = (
    15112221349535400772501151409588531511454012693041857206046113283949847762202,
    46316835694926478169428394003475163141307993866256225615783033603165251855960,
)
IDENTITY: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    product = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + product, -1, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - product, -1, P) % P
    return x, y


def multiply(scalar: int, point: Point) -> Point:
    product = IDENTITY
    for bit in bin(scalar)[2:]:
        product = add(product, product)
        if bit == "1":
            product = add(product, point)
    return product


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decode(octets: bytes) -> Point:
    y = int.from_bytes(octets, "little")
    sign, y = y >> 255, (y & (1 << 255) - 1) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x if x & 1 == sign else P - x), y


# A point whose multiples are all eight points of small order.
ORDER_8 = decode(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))


def with_larger_scalar(signature: bytes) -> bytes:
    """Return the signature with S + L instead of S, which stands for the same number modulo L."""
    scalar = int.from_bytes(signature[32:], "little") + L
    return signature[:32] + scalar.to_bytes(32, "little")


def sign_with_torsion(seed: bytes, message: bytes) -> bytes:
    """Return a signature that holds only for those who multiply by the cofactor."""
    digest = hashlib.sha512(seed).digest()
    secret = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    nonce = int.from_bytes(hashlib.sha512(digest[32:] + message).digest(), "little") % L
    commitment = encode(add(multiply(nonce, BASE), ORDER_8))
    public = encode(multiply(secret, BASE))
    challenge = int.from_bytes(hashlib.sha512(commitment + public + message).digest(), "little")
    return commitment + ((nonce + challenge * secret) % L).to_bytes(32, "little")


SMALL = [multiply(times, ORDER_8) for times in range(8)]


def forge_for_low_order(key: bytes, message: bytes) -> bytes | None:
    """Return a signature that holds for a public key of small order, if this message has one.

    With S = 0 it holds when R is the challenge times the key, negated.
    """
    for commitment in SMALL:
        digest = hashlib.sha512(encode(commitment) + key + message).digest()
        challenge = int.from_bytes(digest, "little") % L
        if add(commitment, multiply(challenge, decode(key))) == IDENTITY:
            return encode(commitment) + bytes(32)
    return None
