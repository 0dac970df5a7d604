"""Check 3: the payload's fields."""

from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec
from tests.attestation import der
from tests.attestation.forge import spki

from .case import Case, malformed
from .chain import IN_ORDER, KEYS, SOUND, authority, chain, key
from .document import NONCE, PCRS, document, fields, payload, sign


def cases() -> Iterator[Case]:
    yield from presence()
    yield from values()
    yield from registers()
    yield from certificates()
    yield from optional()


def out_of(name: str, actual: int, least: int, most: int) -> str:
    return f"{name} has length {actual}, outside {least} to {most}"


def presence() -> Iterator[Case]:
    for name in fields():
        yield malformed(
            f"missing_{name}",
            "fields.missing",
            f"{name} is not there",
            document(**{name: ...}),
            f"{name} is missing",
        )
    yield malformed(
        "unknown_field",
        "fields.unknown",
        "a field that is not known",
        document(measurements=None),
        '"measurements" is not known',
    )
    yield malformed(
        "unknown_number",
        "fields.unknown",
        "a field whose key is a number",
        sign(payload()[:-1] + b"\x01\xf6\xff"),
        '"a number" is not known',
    )


def values() -> Iterator[Case]:
    yield malformed(
        "module_id_empty",
        "fields.module-id",
        "no characters",
        document(module_id=""),
        "module_id has length 0 instead of at least 1",
    )
    yield malformed(
        "digest_of_another_hash",
        "fields.digest",
        "SHA256",
        document(digest="SHA256"),
        'digest is "SHA256" instead of SHA384',
    )
    yield malformed(
        "digest_in_lower_case",
        "fields.digest",
        "sha384",
        document(digest="sha384"),
        'digest is "sha384" instead of SHA384',
    )
    yield malformed(
        "timestamp_zero", "fields.timestamp", "0", document(timestamp=0), "timestamp is zero"
    )


def registers() -> Iterator[Case]:
    every = {index: bytes([index + 1]) * 48 for index in range(32)}
    yield Case("pcrs_all", "fields.pcrs", "32 registers", document(pcrs=every))
    few = {index: PCRS[index] for index in range(3)}
    yield Case(
        "pcrs_few", "fields.pcrs", "3 registers, those that have to be told", document(pcrs=few)
    )
    yield malformed(
        "pcrs_none", "fields.pcrs", "no register", document(pcrs={}), out_of("pcrs", 0, 1, 32)
    )
    index = "a PCR index is not one of 0 to 31"
    for name, number in [("32", 32), ("of_64_bits", 1 << 32), ("text", "0")]:
        yield malformed(
            f"pcr_index_{name}",
            "fields.pcrs",
            f"a register with the index {number!r}",
            document(pcrs={**PCRS, number: PCRS[0]}),
            index,
        )
    for length in (0, 32, 47, 49, 64):
        yield malformed(
            f"pcr_of_{length}_bytes",
            "fields.pcrs",
            f"PCR3 has {length} bytes",
            document(pcrs={**PCRS, 3: bytes(length)}),
            f"pcr has length {length} instead of 48",
        )


def certificates() -> Iterator[Case]:
    bundle = SOUND[:-1]
    check = "fields.certificates"
    about = "the zone's has 1024 bytes, because of a long extension"
    yield Case("certificate_of_1024_bytes", check, about, document(of_1024_bytes()))
    levels = ["root", *(f"authority {number}" for number in range(6)), "instance"]
    above = [
        replace(
            IN_ORDER["root" if place == 0 else "instance"],
            issuer=der.name(levels[max(0, place - 1)]),
            subject=der.name(name),
            public_key=spki(key_of(name)),
            extensions=authority(None),
        ).issue(key_of(levels[max(0, place - 1)]))
        for place, name in enumerate(levels)
    ]
    longest = document([*above, SOUND[-1]])
    yield Case("bundle_of_8", check, "eight authorities", longest, trust_root=above[0])
    for name, changes, detail in [
        ("certificate_empty", {"certificate": b""}, out_of("certificate", 0, 1, 1024)),
        (
            "certificate_of_1025_bytes",
            {"certificate": bytes(1025)},
            out_of("certificate", 1025, 1, 1024),
        ),
        ("bundle_empty", {"cabundle": []}, out_of("cabundle", 0, 1, 8)),
        ("bundle_of_9", {"cabundle": [*bundle, *bundle, b"x"]}, out_of("cabundle", 9, 1, 8)),
        (
            "bundle_with_empty_certificate",
            {"cabundle": [*bundle, b""]},
            out_of("certificate", 0, 1, 1024),
        ),
        (
            "bundle_with_certificate_of_1025_bytes",
            {"cabundle": [*bundle, bytes(1025)]},
            out_of("certificate", 1025, 1, 1024),
        ),
    ]:
        about = name.replace("_", " ")
        yield malformed(name, "fields.certificates", about, document(**changes), detail)


def key_of(name: str) -> ec.EllipticCurvePrivateKey:
    return KEYS.get(name) or key(name)


def of_1024_bytes() -> list[bytes]:
    for length in range(400, 700):
        filler = der.extension("1.2.3.4", bytes(length), critical=False)
        certificates = chain(zone={"extensions": [*authority(1), filler]})
        if len(certificates[2]) == 1024:
            return certificates
    raise AssertionError("each byte more makes it a byte longer")


def optional() -> Iterator[Case]:
    for name in ("public_key", "user_data", "nonce"):
        for length in (0, 1024):
            nonce = bytes(length) if name == "nonce" else NONCE
            yield Case(
                f"{name}_of_{length}_bytes",
                "fields.optional",
                f"{name} has {length} bytes",
                document(**{name: bytes(length)}),
                nonce=nonce,
            )
        yield malformed(
            f"{name}_of_1025_bytes",
            "fields.optional",
            f"{name} has 1025 bytes",
            document(**{name: bytes(1025)}),
            out_of(name, 1025, 0, 1024),
        )
