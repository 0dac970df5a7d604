"""Recipients' keys as texts: what is read, and what nobody may take for a key."""

import json
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import rsa
from tests.independent.kem import LOW_ORDER, MLKEM_PUBLIC, P
from tests.independent.keys import DER, RSA, SPKI, X25519, XWING, PrivateKey, PublicKey
from tests.independent.text import BECH32, BECH32M_CONSTANT, bech32m, expand, polymod, regroup

from .case import VECTORS, Case
from .fixed import octets

PUBLIC, PRIVATE = "public", "private"
PREFIXES = {PUBLIC: "capepk", PRIVATE: "capesk"}
TEXT, POINTS = "keys in text", "stanzas"
MODULUS = 3329


def published_rsa_key() -> PrivateKey:
    """Return the key of envelope2.json: one that comes out the same each time cannot be drawn."""
    keys = json.loads((VECTORS / "envelope2.json").read_text())["keys"]
    return PrivateKey(RSA, bytes.fromhex(keys["rsa"]["private_pkcs8"]))


KEYS = {
    "x25519": PrivateKey(X25519, octets("recipient, X25519")),
    "xwing": PrivateKey(XWING, octets("recipient, X-Wing")),
    "rsa": published_rsa_key(),
}
SHARE = KEYS["x25519"].public_key().octets
GOOD = KEYS["x25519"].public_key().text


def cases() -> list[Case]:
    return [
        *(accepted(name, key) for name, key in KEYS.items()),
        *(accepted_public(name, key.public_key()) for name, key in KEYS.items()),
        with_top_bit(),
        *(refused_text(*each) for each in texts()),
        *types_and_lengths(),
        *points(),
        *rsa_keys(),
    ]


def accepted(name: str, key: PrivateKey) -> Case:
    follows = {"type": key.type, "key": key.octets.hex(), "public_key": key.public_key().text}
    fields = {"kind": PRIVATE, "text": key.text, **follows}
    return Case("keys", f"private_{name}", "a private key and its public one", TEXT, fields)


def accepted_public(name: str, key: PublicKey, about: str = "a public key") -> Case:
    follows = {"key_id": key.key_id.hex(), "fingerprint": key.fingerprint}
    fields = {"kind": PUBLIC, "text": key.text, "type": key.type, "key": key.octets.hex()}
    return Case("keys", f"public_{name}", about, TEXT, fields | follows)


def with_top_bit() -> Case:
    key = PublicKey(X25519, SHARE[:-1] + bytes([SHARE[-1] | 0x80]))
    about = "a share with the top bit set: the key id is that of its bytes"
    return accepted_public("x25519_with_top_bit", key, about)


def refused(
    name: str, about: str, text: str, kind: str = PUBLIC, rule: str = TEXT, error="KeyInvalid"
) -> Case:
    return Case("keys", f"{kind}_{name}", about, rule, {"kind": kind, "text": text}, error)


def refused_text(name: str, about: str, text: str) -> Case:
    return refused(name, about, text)


def typed(type_: int, key: bytes) -> bytes:
    return type_.to_bytes(2, "big") + key


def texts() -> Iterator[tuple[str, str, str]]:
    """Texts that no encoder writes for a public key."""
    data = typed(X25519, SHARE)
    letter = next(place for place in range(7, len(GOOD)) if GOOD[place].isalpha())
    other = BECH32[(BECH32.index(GOOD[20]) + 1) % 32]
    swapped = GOOD[:30] + GOOD[31] + GOOD[30] + GOOD[32:]
    assert swapped != GOOD
    yield "in_capitals", "all of it in capitals, which BIP 350 allows", GOOD.upper()
    mixed = GOOD[:letter] + GOOD[letter].upper() + GOOD[letter + 1 :]
    yield "in_mixed_case", "one letter is a capital", mixed
    yield "prefix_in_capitals", "the prefix is in capitals", "CAPEPK" + GOOD[6:]
    yield "character_altered", "one character is another", GOOD[:20] + other + GOOD[21:]
    yield "characters_swapped", "two characters have changed places", swapped
    last = "q" if GOOD[-1] != "q" else "p"
    yield "checksum_altered", "the last character of the checksum", GOOD[:-1] + last
    yield "checksum_of_bech32", "the checksum of Bech32 (BIP 173)", with_constant(data, 1)
    yield "checksum_cut", "the last character is missing", GOOD[:-1]
    yield "checksum_missing", "all six characters of the checksum are missing", GOOD[:-6]
    yield "of_a_private_key", "a private key", KEYS["x25519"].text
    yield "of_an_account", "an account id, of the same 32 bytes", bech32m("cape", SHARE)
    yield "of_another_prefix", "another prefix", bech32m("capepl", data)
    yield "of_a_longer_prefix", "a longer prefix, with a 1 in it", bech32m("capepk1q", data)
    yield "without_separator", "no 1 behind the prefix", "capepk" + GOOD[7:]
    yield "prefix_alone", "the prefix and nothing else", "capepk1"
    yield "empty", "no characters", ""
    yield (
        "of_a_foreign_character",
        "a character that Bech32 has not: b",
        GOOD[:20] + "b" + GOOD[21:],
    )
    yield "with_a_line_feed", "a line feed behind it, as in a file", GOOD + "\n"
    yield "with_a_space", "a space in front", " " + GOOD
    yield "of_no_ascii", "a letter that looks like p", GOOD.replace("p", "\u0440", 1)
    values = regroup(data, 8, 5, pad=True)
    yield (
        "with_bits_left_over",
        "bits left over that are not zero",
        of_values([*values[:-1], values[-1] | 1]),
    )
    yield "with_a_group_left_over", "five zero bits more than needed", of_values([*values, 0])
    yield "without_a_key", "no data, and a checksum that holds", bech32m("capepk", b"")
    yield "of_one_byte", "half a type", bech32m("capepk", b"\0")
    longest = bech32m("capepk", typed(X25519, bytes(5200)))
    yield "too_long", "more than 8192 characters", longest


def with_constant(data: bytes, constant: int) -> str:
    return of_values(regroup(data, 8, 5, pad=True), constant)


def of_values(values: list[int], constant: int = BECH32M_CONSTANT) -> str:
    """Return a text of these groups of five bits, with a checksum that holds."""
    checksum = polymod(expand("capepk") + values + [0] * 6) ^ constant
    sums = [checksum >> 5 * (5 - place) & 31 for place in range(6)]
    return "capepk1" + "".join(BECH32[value] for value in values + sums)


def types_and_lengths() -> Iterator[Case]:
    xwing = KEYS["xwing"].public_key().octets
    for name, about, type_, key in (
        ("x25519_of_31_bytes", "an X25519 key of 31 bytes", X25519, SHARE[:-1]),
        ("x25519_of_33_bytes", "an X25519 key of 33 bytes", X25519, SHARE + b"\0"),
        ("x25519_of_nothing", "a type and no key", X25519, b""),
        ("xwing_of_1215_bytes", "an X-Wing key without its last byte", XWING, xwing[:-1]),
        ("xwing_of_1217_bytes", "an X-Wing key and a byte", XWING, xwing + b"\0"),
        ("xwing_of_32_bytes", "an X25519 key as one of X-Wing", XWING, SHARE),
    ):
        yield refused(name, about, bech32m("capepk", typed(type_, key)))
    for name, type_ in (("0", 0), ("of_p_256", 0x0010), ("of_the_other_byte_order", 0x2000)):
        text = bech32m("capepk", typed(type_, SHARE))
        about = f"the type {type_:#06x}, which no key has"
        yield refused(f"type_{name}", about, text, error="UnsupportedFormat")
    for kem, type_ in (("x25519", X25519), ("xwing", XWING)):
        for size in (31, 33):
            text = bech32m("capesk", typed(type_, octets("private", size)))
            yield refused(f"{kem}_of_{size}_bytes", f"a private key of {size} bytes", text, PRIVATE)
    yield refused("of_a_public_key", "a public key", GOOD, PRIVATE)
    text = KEYS["x25519"].text
    yield refused("in_capitals", "all of it in capitals", text.upper(), PRIVATE)
    other = BECH32[(BECH32.index(text[20]) + 1) % 32]
    altered = text[:20] + other + text[21:]
    yield refused("character_altered", "one character is another", altered, PRIVATE)
    text = bech32m("capesk", typed(0x0010, octets("private")))
    about = "the type 0x0010, which no key has"
    yield refused("type_of_p_256", about, text, PRIVATE, error="UnsupportedFormat")


def points() -> Iterator[Case]:
    """Keys that no honest party makes."""
    xwing = KEYS["xwing"].public_key().octets
    names = {0: "0", 1: "1", P - 1: "p_minus_1", P: "p", P + 1: "p_plus_1"}
    orders_8 = sorted(LOW_ORDER - names.keys())
    names |= {number: f"order_8_{place}" for place, number in enumerate(orders_8)}
    for number, name in names.items():
        for top, suffix in ((0, ""), (2**255, "_with_top_bit")):
            share = (number + top).to_bytes(32, "little")
            about = f"a share of low order: {name}{suffix}".replace("_", " ")
            for kem, type_, front in (("x25519", X25519, b""), ("xwing", XWING, xwing[:-32])):
                text = bech32m("capepk", typed(type_, front + share))
                yield refused(f"{kem}_low_order_{name}{suffix}", about, text, rule=POINTS)
    for name, place, value in (
        ("first_coefficient_3329", 0, MODULUS),
        ("first_coefficient_4095", 0, 4095),
        ("second_coefficient_3329", 1, MODULUS),
        ("last_coefficient_3329", 767, MODULUS),
    ):
        key = with_coefficient(xwing, place, value)
        text = bech32m("capepk", typed(XWING, key))
        about = f"a coefficient of ML-KEM's is {value}, and its modulus 3329"
        yield refused(f"xwing_{name}", about, text, rule=POINTS)
    largest = PublicKey(XWING, with_coefficient(xwing, 0, MODULUS - 1))
    about = "a coefficient of ML-KEM's is 3328, the largest"
    yield accepted_public("xwing_first_coefficient_3328", largest, about)


def with_coefficient(key: bytes, place: int, value: int) -> bytes:
    """Set one of the 768 numbers of 12 bits, the lowest bits first (FIPS 203, section 4.2.1)."""
    encoded = int.from_bytes(key[: MLKEM_PUBLIC - 32], "little")
    encoded &= ~(0xFFF << 12 * place)
    encoded |= value << 12 * place
    return encoded.to_bytes(MLKEM_PUBLIC - 32, "little") + key[MLKEM_PUBLIC - 32 :]


def rsa_keys() -> Iterator[Case]:
    spki = KEYS["rsa"].public_key().octets
    for name, about, key in (
        ("of_2040_bits", "an RSA key of 2040 bits", spki_of(2040)),
        ("of_8200_bits", "an RSA key of 8200 bits", spki_of(8200)),
        ("byte_behind", "a byte behind the SubjectPublicKeyInfo", spki + b"\0"),
        ("cut", "a SubjectPublicKeyInfo without its last byte", spki[:-1]),
        ("of_x25519", "the SubjectPublicKeyInfo of an X25519 key", spki_of_x25519()),
        ("of_nothing", "a type and no key", b""),
    ):
        yield refused(f"rsa_{name}", about, bech32m("capepk", typed(RSA, key)))
    text = bech32m("capesk", typed(RSA, KEYS["rsa"].octets[:-1]))
    yield refused("rsa_cut", "PKCS#8 without its last byte", text, PRIVATE)


def spki_of(bits: int) -> bytes:
    """Return an RSA key whose modulus is any odd number of that many bits."""
    modulus = int.from_bytes(octets(f"modulus of {bits}", bits // 8), "big") | 1 << bits - 1 | 1
    return rsa.RSAPublicNumbers(65_537, modulus).public_key().public_bytes(DER, SPKI)


def spki_of_x25519() -> bytes:
    return bytes.fromhex("302a300506032b656e032100") + SHARE
