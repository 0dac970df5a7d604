"""Check 4: the form of a certificate; the zone's is the one at fault."""

from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.attestation import der
from tests.attestation.forge import spki

from .case import Case, invalid
from .chain import KEYS, NOW, chain
from .document import document

ZONE = 2


def cases() -> Iterator[Case]:
    yield from structure()
    yield from versions_and_serials()
    yield from algorithms()
    yield from signatures()
    yield from names()
    yield from times()
    yield from keys()


def zone(name: str, check: str, about: str, detail: str, **changes: Any) -> Case:
    """Return the case of a zone's certificate, signed by its issuer, with other elements."""
    return invalid(name, check, about, document(chain(zone=changes)), ZONE, detail)


def accepted(name: str, check: str, about: str, **changes: Any) -> Case:
    return Case(name, check, about, document(chain(zone=changes)))


def not_der(name: str, about: str, rule: str, **changes: Any) -> Case:
    return zone(name, "certificate.der", about, f"not strict DER: {rule}", **changes)


def structure() -> Iterator[Case]:
    trailing = "trailing bytes in a structure"
    long = "length that is indefinite or of more than two bytes"
    yield not_der(
        "der_trailing_byte",
        "a byte behind the certificate",
        trailing,
        finish=lambda content: der.tlv(der.SEQUENCE, content) + b"\0",
    )
    yield not_der(
        "der_trailing_element",
        "a fourth element in the certificate",
        trailing,
        finish=lambda content: der.tlv(der.SEQUENCE, content, b"\x05\0"),
    )
    yield not_der(
        "der_signed_trailing_element",
        "an element behind the extensions",
        trailing,
        seal=lambda fields: der.tlv(der.SEQUENCE, fields, b"\x05\0"),
    )
    yield not_der(
        "der_length_indefinite",
        "an indefinite length",
        long,
        finish=lambda content: b"\x30\x80" + content + b"\0\0",
    )
    yield not_der(
        "der_length_of_three_bytes",
        "a length of three bytes",
        long,
        finish=lambda content: b"\x30\x83" + len(content).to_bytes(3, "big") + content,
    )
    yield not_der(
        "der_length_not_shortest",
        "a short length in the long form",
        "length not in its shortest form",
        serial=bytes([der.INTEGER, 0x81, 1, 7]),
    )
    yield not_der(
        "der_length_with_zero",
        "a length of one byte in two",
        "length not in its shortest form",
        validity=b"\x30\x82\x00\x80" + bytes(128),
    )
    yield not_der(
        "der_length_too_long",
        "a length beyond the end",
        "structure that ends too early",
        finish=lambda content: b"\x30\x82" + (len(content) + 1).to_bytes(2, "big") + content,
    )
    yield not_der(
        "der_tag_of_two_bytes",
        "a tag of two bytes",
        "tag of several bytes",
        unique_ids=b"\x9f\x81\x01\x00",
    )
    yield not_der(
        "der_set_for_sequence",
        "a SET where a SEQUENCE should be",
        "element of another type",
        finish=lambda content: der.tlv(der.SET, content),
    )
    yield zone(
        "unique_id_of_issuer",
        "certificate.unique-id",
        "issuerUniqueID",
        "not strict DER: element of another type",
        unique_ids=der.tlv(0x81, b"\0\1"),
    )
    yield zone(
        "unique_id_of_subject",
        "certificate.unique-id",
        "subjectUniqueID",
        "not strict DER: element of another type",
        unique_ids=der.tlv(0x82, b"\0\1"),
    )


def versions_and_serials() -> Iterator[Case]:
    for name, about, version in [
        ("1", "version 1: none is stated", b""),
        ("1_stated", "version 1, the default, written out", der.tlv(0xA0, der.integer(0))),
        ("2", "version 2", der.tlv(0xA0, der.integer(1))),
        ("4", "version 4", der.tlv(0xA0, der.integer(3))),
    ]:
        yield zone(
            f"version_{name}",
            "certificate.version",
            about,
            "not an X.509 certificate of version 3",
            version=version,
        )
    number = lambda content: {"serial": der.tlv(der.INTEGER, content)}
    yield accepted("serial_of_20_bytes", "certificate.serial", "20 bytes", **number(b"\x7f" * 20))
    beyond = "serial number of zero or of more than 20 bytes"
    for name, about, content in [
        ("zero", "zero", b"\0"),
        ("of_21_bytes", "21 bytes", b"\x7f" * 21),
    ]:
        yield zone(f"serial_{name}", "certificate.serial", about, beyond, **number(content))
    for name, about, content, rule in [
        ("empty", "no content", b"", "integer without content"),
        ("negative", "below zero", b"\x80", "negative integer"),
        ("padded", "a zero in front", b"\0\7", "integer not in its shortest form"),
    ]:
        yield not_der(f"serial_{name}", f"serial number: {about}", rule, **number(content))


def algorithms() -> Iterator[Case]:
    null = der.tlv(der.SEQUENCE, der.identifier(der.ECDSA_WITH_SHA384), b"\x05\0")
    sha256 = der.tlv(der.SEQUENCE, der.identifier("1.2.840.10045.4.3.2"))
    rsa = der.tlv(der.SEQUENCE, der.identifier("1.2.840.113549.1.1.12"), b"\x05\0")
    for name, about, other in [
        ("with_null", "ecdsa-with-SHA384 with NULL for parameters", null),
        ("sha256", "ecdsa-with-SHA256", sha256),
        ("rsa", "sha384WithRSAEncryption", rsa),
    ]:
        for place, changes in [
            ("signed", {"signed_algorithm": other}),
            ("outer", {"algorithm": other}),
            ("both", {"signed_algorithm": other, "algorithm": other}),
        ]:
            yield zone(
                f"algorithm_{name}_{place}",
                "certificate.algorithm",
                f"{about}: {place}",
                "signature algorithm other than ecdsa-with-SHA384",
                **changes,
            )


def signatures() -> Iterator[Case]:
    def form(name: str, about: str, rule: str, content: bytes) -> Case:
        changes = {"bits": lambda _: der.bits(content)}
        detail = f"not strict DER: {rule}"
        return zone(
            f"certificate_signature_{name}", "certificate.signature-form", about, detail, **changes
        )

    one = der.integer(1)
    yield form("empty", "no bytes", "structure that ends too early", b"")
    yield form("raw", "r || s, not a SEQUENCE", "element of another type", b"\1" * 96)
    yield form("of_one", "r alone", "structure that ends too early", der.tlv(der.SEQUENCE, one))
    yield form(
        "of_three",
        "a third number",
        "trailing bytes in a structure",
        der.tlv(der.SEQUENCE, one, one, one),
    )
    yield form(
        "negative", "r below zero", "negative integer", der.tlv(der.SEQUENCE, b"\2\1\x80", one)
    )
    yield form(
        "padded",
        "a zero in front of r",
        "integer not in its shortest form",
        der.tlv(der.SEQUENCE, b"\2\2\0\1", one),
    )
    yield form(
        "trailing",
        "a byte behind it",
        "trailing bytes in a structure",
        der.tlv(der.SEQUENCE, one, one) + b"\0",
    )
    yield zone(
        "certificate_signature_unused_bits",
        "certificate.signature-form",
        "a bit string that leaves bits over",
        "not strict DER: bit string of another length than whole bytes",
        bits=lambda signature: der.bits(signature[:-1] + b"\0", 1),
    )


def names() -> Iterator[Case]:
    def attribute(tag: int, text: bytes, kind: str = der.COMMON_NAME) -> bytes:
        return der.tlv(der.SEQUENCE, der.identifier(kind), der.tlv(tag, text))

    def named(*sets: bytes) -> bytes:
        return der.tlv(der.SEQUENCE, *sets)

    of_one = lambda tag, text: named(der.tlv(der.SET, attribute(tag, text)))
    country, common = attribute(0x13, b"US", "2.5.4.6"), attribute(0x13, b"zone")
    two = named(der.tlv(der.SET, common, country))
    for tag, kind in [(0x0C, "utf8"), (0x13, "printable"), (0x16, "ia5")]:
        subject = of_one(tag, b"zone")
        data = document(chain(zone={"subject": subject}, instance={"issuer": subject}))
        yield Case(f"name_{kind}", "certificate.name", f"a name of type {kind}", data)
    for name, about, subject, rule in [
        ("empty", "no attribute at all", named(), "name without attributes"),
        (
            "empty_set",
            "a set without attributes",
            named(der.tlv(der.SET)),
            "structure that ends too early",
        ),
        ("teletex", "TeletexString", of_one(0x14, b"zone"), "text of a name in an obsolete type"),
        ("bmp", "BMPString", of_one(0x1E, b"\0z"), "text of a name in an obsolete type"),
        (
            "outside_alphabet",
            "a star in a PrintableString",
            of_one(0x13, b"*"),
            "text of a name outside its alphabet",
        ),
        ("not_utf8", "no UTF-8", of_one(0x0C, b"\xff"), "text of a name outside its alphabet"),
        ("empty_text", "no characters", of_one(0x13, b""), "text of a name outside its alphabet"),
        ("unsorted_set", "attributes that descend", two, "attributes of a name out of form"),
        (
            "equal_attributes",
            "the same attribute twice in a set",
            named(der.tlv(der.SET, common, common)),
            "attributes of a name out of form",
        ),
    ]:
        yield zone(
            f"name_{name}", "certificate.name", about, f"not strict DER: {rule}", subject=subject
        )


def times() -> Iterator[Case]:
    begin, end = der.time(NOW.replace(2025)), der.time(NOW.replace(2027))
    utc = lambda text: der.tlv(der.UTC_TIME, text)
    generalized = lambda text: der.tlv(der.GENERALIZED_TIME, text)
    sequence = lambda *times: {"validity": der.tlv(der.SEQUENCE, *times)}
    for name, about, not_after in [
        ("utc_2049", "UTCTime for the last second of 2049", utc(b"491231235959Z")),
        ("generalized_2050", "GeneralizedTime for 2050", generalized(b"20500101000000Z")),
        ("generalized_9999", "GeneralizedTime for no end", generalized(b"99991231235959Z")),
    ]:
        yield accepted(f"time_{name}", "certificate.time", about, **sequence(begin, not_after))
    yield accepted(
        "time_utc_1970",
        "certificate.time",
        "UTCTime for 1970",
        **sequence(utc(b"700101000000Z"), end),
    )
    for name, about, time in [
        ("without_seconds", "UTCTime without seconds", utc(b"2601151200Z")),
        ("with_offset", "UTCTime with an offset", utc(b"260115120000+0000")),
        ("without_zone", "UTCTime without Z", utc(b"260115120000")),
        ("of_month_13", "a month that does not exist", utc(b"271301000000Z")),
        ("of_february_29", "a day that does not exist", utc(b"270229000000Z")),
        ("of_second_60", "a leap second", utc(b"270630235960Z")),
        ("generalized_2027", "GeneralizedTime for 2027", generalized(b"20270115120000Z")),
        ("with_fraction", "a fraction of a second", generalized(b"20500101000000.5Z")),
        ("as_text", "a PrintableString", der.tlv(0x13, b"270115120000Z")),
    ]:
        yield zone(
            f"time_{name}",
            "certificate.time",
            about,
            "not strict DER: time out of form",
            **sequence(begin, time),
        )
    yield zone(
        "time_of_1969",
        "certificate.time",
        "UTCTime for a year before 1970",
        "not strict DER: time out of form",
        **sequence(utc(b"690101000000Z"), end),
    )
    yield zone(
        "time_third",
        "certificate.time",
        "a third time",
        "not strict DER: trailing bytes in a structure",
        **sequence(begin, end, end),
    )
    yield zone(
        "time_missing",
        "certificate.time",
        "no notAfter",
        "not strict DER: structure that ends too early",
        **sequence(begin),
    )


def keys() -> Iterator[Case]:
    public = KEYS["zone"].public_key()
    point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    compressed = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    p384, p256 = der.identifier("1.3.132.0.34"), der.identifier("1.2.840.10045.3.1.7")
    ec_key = der.identifier("1.2.840.10045.2.1")

    def info(parameters: bytes, bits: bytes, algorithm: bytes = ec_key) -> bytes:
        return der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, algorithm, parameters), der.bits(bits))

    other_curve = lambda curve: spki(ec.derive_private_key(7, curve))
    ed = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    explicit = der.tlv(der.SEQUENCE, der.integer(1), der.tlv(der.SEQUENCE))
    wrong = "key that is not an uncompressed point on P-384"
    for name, about, key in [
        ("p256", "P-256", other_curve(ec.SECP256R1())),
        ("p521", "P-521", other_curve(ec.SECP521R1())),
        ("secp256k1", "secp256k1", other_curve(ec.SECP256K1())),
        ("brainpool", "brainpoolP384r1", other_curve(ec.BrainpoolP384R1())),
        ("ed25519", "Ed25519", ed.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
        ("ec_dh", "P-384 for id-ecDH", info(p384, point, der.identifier("1.3.132.1.12"))),
        ("curve_explicit", "parameters instead of the curve's name", info(explicit, point)),
        ("curve_implicit", "NULL instead of the curve's name", info(b"\x05\0", point)),
        ("curve_missing", "no curve", info(b"", point)),
        ("curve_mismatch", "a point of P-384 called one of P-256", info(p256, point)),
        ("compressed", "a compressed point", info(p384, compressed)),
        ("hybrid", "a hybrid point", info(p384, bytes([6 | point[-1] & 1]) + point[1:])),
        ("infinity", "the point at infinity", info(p384, b"\0")),
        ("short", "a point with a byte too few", info(p384, point[:-1])),
        ("long", "a point with a byte too many", info(p384, point + b"\0")),
        ("empty", "no point", info(p384, b"")),
    ]:
        yield zone(f"key_{name}", "certificate.key", about, wrong, public_key=key)
    yield zone(
        "key_trailing_element",
        "certificate.key",
        "an element behind the point",
        "not strict DER: trailing bytes in a structure",
        public_key=der.tlv(der.SEQUENCE, info(p384, point)[2:], b"\x05\0"),
    )
    off_curve = info(p384, b"\4" + b"\1" * 96)
    yield invalid(
        "key_not_on_the_curve",
        "chain.signature",
        "a point that is not on the curve, so nothing is signed with its key",
        document(chain(zone={"public_key": off_curve})),
        ZONE + 1,
        "its signature does not hold under its issuer's key",
    )
    too_large = info(p384, b"\4" + b"\xff" * 96)
    yield invalid(
        "key_coordinates_beyond_the_field",
        "chain.signature",
        "coordinates that are not below the prime",
        document(chain(zone={"public_key": too_large})),
        ZONE + 1,
        "its signature does not hold under its issuer's key",
    )
