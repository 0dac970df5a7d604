"""Check 1: size and CBOR."""

from collections.abc import Iterator

from tests.attestation import cbor

from .case import Case, malformed
from .document import NONCE, PCRS, document, enclose, fields, payload, sign

E = cbor.Encoded
DEFINITE = cbor.encode(fields())


def cases() -> Iterator[Case]:
    yield from sizes()
    yield from tags()
    yield from heads()
    yield from keys()
    yield from ends()
    yield from strings()
    yield from containers()
    yield from types()


def sizes() -> Iterator[Case]:
    document_of = lambda size: document().ljust(size, b"\0")
    yield malformed(
        "size_at_limit",
        "size",
        "32,768 bytes are read; what is behind the document refuses it",
        document_of(32_768),
        f"trailing bytes from byte {len(document())}",
    )
    yield malformed(
        "size_beyond_limit",
        "size",
        "32,769 bytes",
        document_of(32_769),
        "32769 bytes, of at most 32768",
    )
    yield malformed("size_zero", "cbor.truncated", "no bytes", b"", "input ends inside an item")


def tags() -> Iterator[Case]:
    yield Case("tag_18", "tag", "tag 18 is COSE_Sign1", b"\xd2" + document())
    for name, head, tag in [
        ("17", "d1", 17),
        ("98", "d862", 98),
        ("self_described", "d9d9f7", 55799),
    ]:
        yield malformed(
            f"tag_{name}",
            "tag",
            f"tag {tag}",
            bytes.fromhex(head) + document(),
            f"tag {tag} where only 18 may be",
        )
    yield malformed(
        "tag_18_twice",
        "tag",
        "tag 18 in front of tag 18",
        b"\xd2\xd2" + document(),
        "expected an array at byte 1",
    )
    yield malformed(
        "tag_18_long",
        "cbor.head",
        "tag 18 with a head that is not the shortest",
        b"\xd8\x12" + document(),
        "integer or length not in its shortest form at byte 0",
    )


def heads() -> Iterator[Case]:
    long = "payload: integer or length not in its shortest form at byte {}"
    content = payload()
    stamp = content.index(b"timestamp") + 9
    for name, changes, about, at in [
        ("integer", {"timestamp": E(b"\x18\x07")}, "the integer 7 in two bytes", stamp),
        (
            "bytes",
            {"nonce": E(b"\x59\0\x20" + NONCE)},
            "32 bytes with a length of two bytes",
            content.index(NONCE) - 2,
        ),
        ("text", {"module_id": E(b"\x79\0\x03i-0")}, "text with a length of two bytes", 11),
        (
            "array",
            {"cabundle": E(b"\x98\x04" + cbor.encode(fields()["cabundle"])[1:])},
            "an array of 4 with a length of its own byte",
            content.index(b"cabundle") + 8,
        ),
        (
            "map",
            {"pcrs": E(b"\xb8\x10" + cbor.encode(PCRS)[1:])},
            "a map of 16 with a length of its own byte",
            content.index(b"pcrs") + 4,
        ),
        (
            "key",
            {"pcrs": E(b"\xa1\x18\x00" + cbor.encode(PCRS[0]))},
            "the PCR index 0 in two bytes",
            content.index(b"pcrs") + 5,
        ),
    ]:
        yield malformed(f"head_{name}", "cbor.head", about, document(**changes), long.format(at))
    eight = DEFINITE[:1].replace(b"\xa9", b"\xbb" + bytes(7) + b"\x09") + DEFINITE[1:]
    yield malformed(
        "head_of_eight_bytes",
        "cbor.head",
        "the payload's map with a length of eight bytes",
        sign(eight),
        long.format(0),
    )


def keys() -> Iterator[Case]:
    twice = "payload: map key given twice at byte {}"
    pairs = list(fields().items())
    for name in ("nonce", "pcrs", "certificate"):
        pair = (name, fields()[name])
        for place, order in (("first", [pair, *pairs]), ("last", [*pairs, pair])):
            content = cbor.encode(cbor.Pairs(order))
            second = content.rindex(cbor.encode(name))
            yield malformed(
                f"key_twice_{name}_{place}",
                "cbor.duplicate-key",
                f"{name} twice, the second one as it should be",
                sign(content),
                twice.format(second),
            )
    for name, value in (("same", PCRS[0]), ("other", b"\xee" * 48)):
        pcrs = cbor.Pairs([*PCRS.items(), (0, value)])
        content = payload(pcrs=pcrs)
        yield malformed(
            f"pcr_twice_{name}_value",
            "cbor.duplicate-key",
            f"PCR0 twice, with the {name} value",
            sign(content),
            twice.format(content.index(PCRS[15]) + 48),
        )


def ends() -> Iterator[Case]:
    yield malformed(
        "byte_behind_document",
        "cbor.trailing",
        "a byte behind the document",
        document() + b"\0",
        f"trailing bytes from byte {len(document())}",
    )
    yield malformed(
        "byte_behind_payload",
        "cbor.trailing",
        "a byte behind the payload's map, signed",
        sign(payload() + b"\0"),
        f"payload: trailing bytes from byte {len(payload())}",
    )
    yield malformed(
        "document_cut",
        "cbor.truncated",
        "the last byte is missing",
        document()[:-1],
        "input ends inside an item",
    )
    yield malformed(
        "payload_cut",
        "cbor.truncated",
        "the payload's break is missing, signed",
        sign(payload()[:-1]),
        "payload: input ends inside an item",
    )


def strings() -> Iterator[Case]:
    chunked = "payload: string of indefinite length at byte {}"
    content = payload()
    for name, kind, value, at in [
        ("module_id", cbor.TEXT, "i-0", 11),
        ("nonce", cbor.BYTES, NONCE, content.index(NONCE) - 2),
    ]:
        yield malformed(
            f"string_indefinite_{name}",
            "cbor.indefinite-string",
            f"{name} in chunks",
            document(**{name: cbor.indefinite(kind, value)}),
            chunked.format(at),
        )
    in_chunks = cbor.indefinite(cbor.BYTES, payload())
    yield malformed(
        "string_indefinite_payload",
        "cbor.indefinite-string",
        "the payload in chunks",
        enclose(in_chunks, signature=bytes(96)),
        "string of indefinite length at byte 7",
    )
    yield malformed(
        "text_not_utf8",
        "cbor.utf8",
        "module_id with a byte that begins no character",
        document(module_id=E(b"\x62\xc3\x28")),
        "payload: text that is not UTF-8 at byte 11",
    )
    yield malformed(
        "text_surrogate",
        "cbor.utf8",
        "module_id with half of a surrogate pair",
        document(module_id=E(b"\x63\xed\xa0\x80")),
        "payload: text that is not UTF-8 at byte 11",
    )


def containers() -> Iterator[Case]:
    yield Case(
        "map_definite",
        "cbor.containers",
        "the payload's map is definite, as before July 2025",
        sign(DEFINITE),
    )
    yield Case(
        "map_indefinite",
        "cbor.containers",
        "the payload's map is indefinite, as since July 2025",
        document(),
    )
    indefinite = cbor.indefinite(cbor.ARRAY, *fields()["cabundle"])
    pairs = [item for pair in PCRS.items() for item in pair]
    yield Case(
        "containers_indefinite",
        "cbor.containers",
        "the bundle and the PCRs are indefinite too",
        document(cabundle=indefinite, pcrs=cbor.indefinite(cbor.MAP, *pairs)),
    )
    in_reverse = cbor.Pairs(reversed(fields().items()))
    yield Case(
        "keys_in_another_order",
        "cbor.containers",
        "the order of the keys is free",
        sign(cbor.encode(in_reverse)),
    )
    at = payload().index(b"cabundle") + 8
    for name, check, depth in [("bundle_of_arrays", "cbor.type", 2), ("depth", "cbor.depth", 5)]:
        yield malformed(
            name,
            check,
            f"{depth} arrays, one in another, where the bundle of certificates should be",
            document(cabundle=E(b"\x81" * depth + b"\x80")),
            f"payload: expected a byte string at byte {at + 1}",
        )
    yield malformed(
        "map_with_break_for_a_value",
        "cbor.type",
        "the map's break where the last value should be",
        sign(payload(nonce=...)[:-1] + cbor.encode("nonce") + b"\xff"),
        f"payload: expected a well-formed item at byte {len(payload(nonce=...)) + 5}",
    )
    yield malformed(
        "map_of_more_than_it_holds",
        "cbor.truncated",
        "a map of ten that holds nine",
        sign(b"\xaa" + DEFINITE[1:]),
        "payload: input ends inside an item",
    )
    yield malformed(
        "map_of_less_than_it_holds",
        "cbor.trailing",
        "a map of eight that is followed by a ninth pair",
        sign(b"\xa8" + DEFINITE[1:]),
        f"payload: trailing bytes from byte {DEFINITE.index(cbor.encode('nonce'))}",
    )


def types() -> Iterator[Case]:
    content = payload()
    wanted = "payload: expected {} at byte {}"
    for name, value, kind, expected in [
        ("module_id", b"i-0", "a byte string", "a text string"),
        ("digest", None, "null", "a text string"),
        ("timestamp", E(b"\x20"), "a negative integer", "an unsigned integer"),
        ("timestamp", E(b"\xfb" + bytes(8)), "a float", "no float or extended simple value"),
        ("timestamp", E(b"\xc1\x07"), "a tagged time", "an unsigned integer"),
        ("pcrs", [PCRS[0]], "an array", "a map"),
        ("certificate", "x", "text", "a byte string"),
        ("cabundle", b"x", "a byte string", "an array"),
        ("public_key", "x", "text", "a byte string"),
        ("user_data", E(b"\xf7"), "undefined", "a byte string"),
        ("nonce", E(b"\xf4"), "false", "a byte string"),
        ("nonce", E(b"\xf8\xf6"), "an extended simple value", "no float or extended simple value"),
    ]:
        at = content.index(cbor.encode(name)) + len(cbor.encode(name))
        yield malformed(
            f"type_{name}_{kind.split()[-1]}",
            "cbor.type",
            f"{name} is {kind}",
            document(**{name: value}),
            wanted.format(expected, at),
        )
    yield malformed(
        "pcr_null",
        "cbor.type",
        "the value of a PCR is null",
        document(pcrs={**PCRS, 0: None}),
        wanted.format("a byte string", content.index(b"pcrs") + 6),
    )
