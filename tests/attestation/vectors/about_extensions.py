"""Check 4: a certificate's extensions, and what it may do."""

from collections.abc import Iterator

from tests.attestation import der
from tests.attestation.forge import DIGITAL_SIGNATURE, KEY_CERT_SIGN

from .case import Case, invalid
from .chain import LEVELS, NO_AUTHORITY, authority, chain
from .document import document

CONSTRAINTS, USAGE = authority(1)
TRUE = der.TRUE
FALSE = bytes([der.BOOLEAN, 1, 0])


def cases() -> Iterator[Case]:
    yield from forms()
    yield from basic_constraints()
    yield from key_usages()
    yield from what_each_may_do()


def refused(
    name: str, check: str, about: str, detail: str, extensions: list[bytes], level: str = "zone"
) -> Case:
    data = document(chain(**{level: {"extensions": extensions}}))
    return invalid(name, check, about, data, LEVELS.index(level), detail)


def accepted(
    name: str, check: str, about: str, extensions: list[bytes], level: str = "zone"
) -> Case:
    return Case(name, check, about, document(chain(**{level: {"extensions": extensions}})))


def unknown(*, critical: bool) -> bytes:
    return der.extension("1.2.3.4", b"\x05\0", critical=critical)


def forms() -> Iterator[Case]:
    check = "certificate.extensions"
    yield accepted(
        "extension_unknown",
        check,
        "one that is not known and not critical",
        [CONSTRAINTS, USAGE, unknown(critical=False)],
    )
    yield refused(
        "extension_unknown_critical",
        check,
        "one that is not known and critical",
        "critical extension that is not known",
        [CONSTRAINTS, USAGE, unknown(critical=True)],
    )
    for name, first, second in [
        ("constraints", CONSTRAINTS, CONSTRAINTS),
        ("constraints_that_differ", CONSTRAINTS, NO_AUTHORITY[0]),
        ("usage", USAGE, USAGE),
        ("unknown", unknown(critical=False), unknown(critical=False)),
    ]:
        rest = [each for each in (CONSTRAINTS, USAGE) if each not in (first, second)]
        yield refused(
            f"extension_twice_{name}",
            check,
            f"{name.replace('_', ' ')} twice",
            "an extension is there twice",
            [first, second, *rest],
        )
    for name, kind in [
        ("name_constraints", "2.5.29.30"),
        ("policy_constraints", "2.5.29.36"),
        ("extended_key_usage", "2.5.29.37"),
        ("inhibit_any_policy", "2.5.29.54"),
    ]:
        for critical in (True, False):
            yield refused(
                f"extension_{name}{'_critical' if critical else ''}",
                check,
                f"{name}, which would restrict and is not judged",
                "an extension restricts it in a way that is not judged",
                [CONSTRAINTS, USAGE, der.extension(kind, b"\x30\0", critical=critical)],
            )
    yield refused(
        "extensions_none",
        "certificate.extensions",
        "an empty list",
        "no basic constraints",
        [],
    )
    missing = document(chain(zone={"wrap": lambda _: b""}))
    yield invalid(
        "extensions_missing",
        "certificate.extensions",
        "no extensions at all",
        missing,
        2,
        "not strict DER: structure that ends too early",
    )
    kind = der.identifier("1.2.3.4")
    value = der.tlv(der.OCTET_STRING, b"\x05\0")
    for name, about, rule, parts in [
        (
            "critical_false",
            "FALSE, the default, written out",
            "default value written out",
            (kind, FALSE, value),
        ),
        (
            "critical_one",
            "TRUE as 01",
            "boolean that is neither 00 nor ff",
            (kind, bytes([der.BOOLEAN, 1, 1]), value),
        ),
        (
            "critical_twice",
            "two booleans",
            "element of another type",
            (kind, TRUE, TRUE, value),
        ),
        ("without_value", "no value", "structure that ends too early", (kind,)),
        (
            "trailing",
            "an element behind the value",
            "trailing bytes in a structure",
            (kind, value, b"\x05\0"),
        ),
        (
            "identifier_padded",
            "an identifier with an arc that is not the shortest",
            "object identifier out of form",
            (b"\6\4\x2a\x80\x03\x04", value),
        ),
        (
            "identifier_cut",
            "an identifier that ends inside an arc",
            "object identifier out of form",
            (b"\6\2\x2a\x83", value),
        ),
        (
            "identifier_empty",
            "an identifier of no arcs",
            "object identifier out of form",
            (b"\6\0", value),
        ),
        (
            "value_constructed",
            "a value in pieces, as BER allows",
            "element of another type",
            (kind, der.tlv(0x24, value)),
        ),
    ]:
        yield refused(
            f"extension_{name}",
            "certificate.der",
            about,
            f"not strict DER: {rule}",
            [CONSTRAINTS, USAGE, der.tlv(der.SEQUENCE, *parts)],
        )


def constraints(*parts: bytes, critical: bool = True) -> bytes:
    return der.extension(der.BASIC_CONSTRAINTS, der.tlv(der.SEQUENCE, *parts), critical=critical)


def basic_constraints() -> Iterator[Case]:
    check = "certificate.basic-constraints"
    for level, usage in (("zone", USAGE), ("leaf", NO_AUTHORITY[1])):
        yield refused(
            f"constraints_missing_{level}",
            check,
            f"the {level}'s are not there",
            "no basic constraints",
            [usage],
            level,
        )
    yield refused(
        "constraints_not_critical",
        check,
        "they are not critical",
        "basic constraints that are not critical",
        [constraints(TRUE, der.integer(1), critical=False), USAGE],
    )
    yield refused(
        "constraints_path_length_without_authority",
        check,
        "a path length in a certificate that is no authority",
        "path length without being an authority",
        [constraints(der.integer(0)), NO_AUTHORITY[1]],
        "leaf",
    )
    yield accepted(
        "constraints_path_length_at_limit",
        check,
        "a path length of 255",
        [constraints(TRUE, der.integer(255)), USAGE],
    )
    yield refused(
        "constraints_path_length_beyond_limit",
        check,
        "a path length of 256",
        "path length of more than 255",
        [constraints(TRUE, der.integer(256)), USAGE],
    )
    for name, about, rule, parts in [
        ("false", "FALSE, the default, written out", "default value written out", (FALSE,)),
        ("one", "TRUE as 01", "boolean that is neither 00 nor ff", (bytes([der.BOOLEAN, 1, 1]),)),
        (
            "negative",
            "a path length below zero",
            "negative integer",
            (TRUE, der.tlv(der.INTEGER, b"\xff")),
        ),
        (
            "padded",
            "a path length with a zero in front",
            "integer not in its shortest form",
            (TRUE, der.tlv(der.INTEGER, b"\0\1")),
        ),
        (
            "trailing",
            "a third element",
            "trailing bytes in a structure",
            (TRUE, der.integer(1), b"\x05\0"),
        ),
    ]:
        yield refused(
            f"constraints_{name}",
            "certificate.der",
            f"basic constraints: {about}",
            f"not strict DER: {rule}",
            [constraints(*parts), USAGE],
        )
    behind = der.extension(der.BASIC_CONSTRAINTS, der.tlv(der.SEQUENCE, TRUE) + b"\0")
    yield refused(
        "constraints_byte_behind",
        "certificate.der",
        "a byte behind basic constraints",
        "not strict DER: trailing bytes in a structure",
        [behind, USAGE],
    )


def key_usages() -> Iterator[Case]:
    yield refused(
        "usage_missing_zone", "certificate.key-usage", "not there", "no key usage", [CONSTRAINTS]
    )
    yield refused(
        "usage_missing_leaf",
        "certificate.key-usage",
        "not there",
        "no key usage",
        NO_AUTHORITY[:1],
        "leaf",
    )
    yield accepted(
        "usage_critical",
        "certificate.key-usage",
        "it may be critical or not: here the leaf's is not, as AWS's",
        [NO_AUTHORITY[0], der.extension(der.KEY_USAGE, der.bits(b"\xc0", 6), critical=False)],
        "leaf",
    )
    for name, about, rule, content in [
        (
            "trailing_zeros",
            "keyCertSign with a zero bit behind it",
            "named bits with trailing zeros or set unused bits",
            der.bits(b"\x04", 1),
        ),
        (
            "unused_bits_set",
            "keyCertSign with an unused bit that is set",
            "named bits with trailing zeros or set unused bits",
            der.bits(b"\x05", 2),
        ),
        (
            "of_no_bits",
            "no bit",
            "bit string of another length than 1 to 16 bits",
            der.bits(b""),
        ),
        (
            "of_three_bytes",
            "three bytes",
            "bit string of another length than 1 to 16 bits",
            der.bits(b"\x04\0\1"),
        ),
        (
            "trailing",
            "a byte behind it",
            "trailing bytes in a structure",
            der.bits(b"\x04", 2) + b"\0",
        ),
        ("octets", "an OCTET STRING", "element of another type", b"\x04\2\2\4"),
    ]:
        yield refused(
            f"usage_{name}",
            "certificate.der",
            f"key usage: {about}",
            f"not strict DER: {rule}",
            [CONSTRAINTS, der.extension(der.KEY_USAGE, content)],
        )


def what_each_may_do() -> Iterator[Case]:
    signs_data, signs_certificates = der.key_usage(DIGITAL_SIGNATURE), der.key_usage(KEY_CERT_SIGN)
    both = der.extension(der.KEY_USAGE, der.bits(b"\x84", 2))
    for level in ("root", "region", "zone", "instance"):
        data = chain(**{level: {"extensions": [NO_AUTHORITY[0], USAGE]}})
        yield invalid(
            f"no_authority_{level}",
            "chain.authority",
            f"the {level} is no authority",
            document(data),
            LEVELS.index(level),
            "it issues a certificate without being an authority",
            trust_root=data[0],
        )
    yield refused(
        "authority_signs_no_certificates",
        "chain.key-usage",
        "the zone's key may sign data only",
        "its key may not sign certificates",
        [CONSTRAINTS, signs_data],
    )
    yield accepted(
        "authority_signs_data_too",
        "chain.key-usage",
        "the zone's key may sign data and certificates",
        [CONSTRAINTS, both],
    )
    for name, about, extensions, detail in [
        (
            "is_authority",
            "the leaf is an authority",
            [authority(None)[0], signs_data],
            "the last certificate may issue others",
        ),
        (
            "signs_certificates",
            "the leaf's key may sign certificates too",
            [NO_AUTHORITY[0], both],
            "the last certificate may issue others",
        ),
        (
            "signs_no_data",
            "the leaf's key may attest consent only",
            [NO_AUTHORITY[0], der.key_usage(1)],
            "its key may not sign data",
        ),
        (
            "signs_certificates_only",
            "the leaf's key may sign certificates only",
            [NO_AUTHORITY[0], signs_certificates],
            "the last certificate may issue others",
        ),
    ]:
        yield refused(f"leaf_{name}", "chain.leaf", about, detail, extensions, "leaf")
