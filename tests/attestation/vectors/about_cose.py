"""Check 2: COSE."""

from collections.abc import Iterator

from tests.attestation import cbor

from .case import Case, malformed
from .document import PROTECTED, document, enclose, payload, sign

E = cbor.Encoded


def cases() -> Iterator[Case]:
    yield from items()
    yield from headers()
    yield from sizes()


def items() -> Iterator[Case]:
    rest = document()[1:]
    yield Case(
        "array_indefinite",
        "cose.items",
        "the four items in an array of indefinite length",
        b"\x9f" + rest + b"\xff",
    )
    another = "expected an array of another length at byte 0"
    four = "expected an array of four items at byte {}"
    for name, about, data, detail in [
        ("three", "three items", b"\x83" + document()[1:-98], another),
        ("five", "a fifth item", b"\x85" + rest + b"\xf6", another),
        ("none", "an empty array", b"\x80", another),
        (
            "three_indefinite",
            "three items, indefinite",
            b"\x9f" + document()[1:-98] + b"\xff",
            four.format(len(document()) - 97),
        ),
        (
            "five_indefinite",
            "a fifth item, indefinite",
            b"\x9f" + rest + b"\xf6\xff",
            four.format(len(document())),
        ),
    ]:
        yield malformed(f"items_{name}", "cose.items", about, data, detail)
    yield malformed(
        "items_in_map", "cbor.type", "a map", b"\xa2" + rest, "expected an array at byte 0"
    )


def headers() -> Iterator[Case]:
    for name, about, header in [
        ("empty", "no bytes", ""),
        ("without_algorithm", "an empty map", "a0"),
        ("es256", "the algorithm ES256", "a10126"),
        ("es512", "the algorithm ES512", "a1013823"),
        ("long", "ES384 with a head that is not the shortest", "a101390022"),
        ("indefinite", "ES384 in a map of indefinite length", "bf013822ff"),
        ("key_id", "ES384 and a key id", "a20138220440"),
        ("trailing", "ES384 and a byte behind it", "a101382200"),
    ]:
        yield malformed(
            f"protected_{name}",
            "cose.protected",
            about,
            enclose(protected=bytes.fromhex(header)),
            "the protected header is not exactly ES384",
        )
    yield malformed(
        "protected_map",
        "cbor.type",
        "the protected header is a map, not bytes",
        enclose(protected=E(PROTECTED)),
        "expected a byte string at byte 1",
    )
    yield malformed(
        "unprotected_algorithm",
        "cose.unprotected",
        "an algorithm in the header that is not signed",
        enclose(unprotected=cbor.Pairs([(1, E(b"\x38\x22"))])),
        "the unprotected header is not empty",
    )
    yield malformed(
        "unprotected_null",
        "cbor.type",
        "null for the header that is not signed",
        enclose(unprotected=E(b"\xf6")),
        "expected a map at byte 6",
    )
    yield Case(
        "unprotected_indefinite",
        "cose.unprotected",
        "the empty header is of indefinite length",
        enclose(unprotected=cbor.indefinite(cbor.MAP)),
    )


def sizes() -> Iterator[Case]:
    yield malformed(
        "payload_empty",
        "cose.payload-size",
        "0 bytes",
        sign(b""),
        "payload has length 0, outside 1 to 16384",
    )
    yield malformed(
        "payload_at_limit",
        "cose.payload-size",
        "16,384 bytes are read; what is behind the map refuses them",
        sign(payload().ljust(16_384, b"\0")),
        f"payload: trailing bytes from byte {len(payload())}",
    )
    yield malformed(
        "payload_beyond_limit",
        "cose.payload-size",
        "16,385 bytes",
        sign(payload().ljust(16_385, b"\0")),
        "payload has length 16385, outside 1 to 16384",
    )
    yield malformed(
        "payload_detached",
        "cbor.type",
        "null: the payload is elsewhere",
        enclose(E(b"\xf6"), signature=bytes(96)),
        "expected a byte string at byte 7",
    )
    for length in (0, 95, 97):
        yield malformed(
            f"signature_of_{length}_bytes",
            "cose.signature-size",
            f"{length} bytes",
            enclose(signature=document()[-96:].ljust(97, b"\0")[:length]),
            f"signature has length {length} instead of 96",
        )
