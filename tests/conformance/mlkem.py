"""ML-KEM-768's encapsulation with a message of our own choice (FIPS 203), and X-Wing's from it.

Libraries draw the message themselves. Slow, and not for secrets.
"""

import hashlib
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from tests.independent import hpke
from tests.independent.kem import MLKEM_PUBLIC, combine
from tests.independent.keys import X25519, XWING
from tests.independent.labeled import labeled_expand, labeled_extract

Q, N, K = 3329, 256, 3
Polynomial = list[int]


def reverse(index: int) -> int:
    return int(f"{index:07b}"[::-1], 2)


ZETAS = [pow(17, reverse(index), Q) for index in range(128)]
GAMMAS = [pow(17, 2 * reverse(index) + 1, Q) for index in range(128)]


def encapsulate(public: bytes, message: bytes) -> tuple[bytes, bytes]:
    """Return the secret and the ciphertext: algorithm 17."""
    digest = hashlib.sha3_512(message + hashlib.sha3_256(public).digest()).digest()
    return digest[:32], encrypt(public, message, digest[32:])


def encrypt(public: bytes, message: bytes, randomness: bytes) -> bytes:
    """K-PKE.Encrypt: algorithm 14."""
    size = 384 * K
    t = [unpack(public[at : at + 384], 12) for at in range(0, size, 384)]
    seed = public[size:]
    matrix = [[sample_ntt(seed + bytes([j, i])) for j in range(K)] for i in range(K)]
    noise = (sample_noise(randomness, count) for count in range(2 * K + 1))
    y = [ntt(next(noise)) for _ in range(K)]
    e1 = [next(noise) for _ in range(K)]
    e2 = next(noise)
    u = [add(inverse_ntt(dot([row[i] for row in matrix], y)), e1[i]) for i in range(K)]
    mu = [decompress(bit, 1) for bit in unpack(message, 1)]
    v = add(add(inverse_ntt(dot(t, y)), e2), mu)
    return b"".join(pack(compress(poly, 10), 10) for poly in u) + pack(compress(v, 4), 4)


def unpack(octets: bytes, bits: int) -> Polynomial:
    number = int.from_bytes(octets, "little")
    return [number >> bits * place & (1 << bits) - 1 for place in range(N)]


def pack(values: Polynomial, bits: int) -> bytes:
    number = sum(value << bits * place for place, value in enumerate(values))
    return number.to_bytes(N * bits // 8, "little")


def compress(values: Polynomial, bits: int) -> Polynomial:
    return [((value << bits + 1) + Q) // (2 * Q) % (1 << bits) for value in values]


def decompress(value: int, bits: int) -> int:
    return (2 * value * Q + (1 << bits)) >> bits + 1


def sample_ntt(seed: bytes) -> Polynomial:
    """Algorithm 7."""

    def candidates() -> Iterator[int]:
        stream = hashlib.shake_128(seed).digest(3 * N * 4)
        for a, b, c in zip(stream[::3], stream[1::3], stream[2::3], strict=True):
            yield a + (b % 16 << 8)
            yield (b >> 4) + (c << 4)

    return [value for value in candidates() if value < Q][:N]


def sample_noise(seed: bytes, count: int) -> Polynomial:
    """Algorithm 8, with eta = 2 for all noise of this parameter set."""
    bits = int.from_bytes(hashlib.shake_256(seed + bytes([count])).digest(128), "little")
    nibbles = (bits >> 4 * place & 15 for place in range(N))
    return [((it & 1) + (it >> 1 & 1) - (it >> 2 & 1) - (it >> 3)) % Q for it in nibbles]


def ntt(values: Polynomial) -> Polynomial:
    """Algorithm 9."""
    f, index, length = list(values), 1, 128
    while length >= 2:
        for start in range(0, N, 2 * length):
            for j in range(start, start + length):
                t = ZETAS[index] * f[j + length] % Q
                f[j], f[j + length] = (f[j] + t) % Q, (f[j] - t) % Q
            index += 1
        length //= 2
    return f


def inverse_ntt(values: Polynomial) -> Polynomial:
    """Algorithm 10."""
    f, index, length = list(values), 127, 2
    while length <= 128:
        for start in range(0, N, 2 * length):
            for j in range(start, start + length):
                t = f[j]
                f[j] = (t + f[j + length]) % Q
                f[j + length] = ZETAS[index] * (f[j + length] - t) % Q
            index -= 1
        length *= 2
    return [value * 3303 % Q for value in f]


def dot(left: list[Polynomial], right: list[Polynomial]) -> Polynomial:
    total = [0] * N
    for a, b in zip(left, right, strict=True):
        total = add(total, multiply(a, b))
    return total


def multiply(f: Polynomial, g: Polynomial) -> Polynomial:
    """Algorithms 11 and 12."""
    product = []
    for place, gamma in enumerate(GAMMAS):
        a0, a1, b0, b1 = f[2 * place], f[2 * place + 1], g[2 * place], g[2 * place + 1]
        product += [(a0 * b0 + a1 * b1 % Q * gamma) % Q, (a0 * b1 + a1 * b0) % Q]
    return product


def add(f: Polynomial, g: Polynomial) -> Polynomial:
    return [(a + b) % Q for a, b in zip(f, g, strict=True)]


def setup_sender(
    kem: int, public: bytes, randomness: bytes, info: bytes
) -> tuple[bytes, hpke.Context]:
    """Return the encapsulated key and the sender's context, with the randomness given.

    For X25519 it is the 32 bytes that DeriveKeyPair takes (`ikmE` in the vectors of RFC 9180); for
    X-Wing the 64 bytes of its encapsulation: ML-KEM's message, then the X25519 scalar.
    """
    if kem == XWING:
        message, scalar = randomness[:32], randomness[32:]
        mlkem_secret, ciphertext = encapsulate(public[:MLKEM_PUBLIC], message)
        share, agreed = diffie_hellman(scalar, public[MLKEM_PUBLIC:])
        secret = combine(mlkem_secret, agreed, share, public[MLKEM_PUBLIC:])
        encapsulated = ciphertext + share
    else:
        suite = b"KEM" + X25519.to_bytes(2, "big")
        pseudorandom = labeled_extract(suite, b"", b"dkp_prk", randomness)
        scalar = labeled_expand(suite, pseudorandom, b"sk", b"", 32)
        encapsulated, agreed = diffie_hellman(scalar, public)
        pseudorandom = labeled_extract(suite, b"", b"eae_prk", agreed)
        secret = labeled_expand(suite, pseudorandom, b"shared_secret", encapsulated + public, 32)
    return encapsulated, hpke.key_schedule(kem, hpke.EXPORT_ONLY, secret, info)


def diffie_hellman(scalar: bytes, public: bytes) -> tuple[bytes, bytes]:
    private = X25519PrivateKey.from_private_bytes(scalar)
    agreed = private.exchange(X25519PublicKey.from_public_bytes(public))
    return private.public_key().public_bytes_raw(), agreed
