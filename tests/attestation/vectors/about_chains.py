"""Check 4: the root, and the certificates' order, signatures, names, path lengths and validity."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from tests.attestation import der

from .case import Case, invalid
from .chain import (
    IN_ORDER,
    KEYS,
    LEVELS,
    NOW,
    NOW_MS,
    ROOT,
    SOUND,
    around,
    authority,
    chain,
    key,
    validity,
)
from .document import document

SIGNATURE = "its signature does not hold under its issuer's key"
SECOND = timedelta(seconds=1)
# The same chain without a limit to the path, so that more certificates are not too many.
LONG = chain(**{level: {"extensions": authority(None)} for level in ("region", "zone", "instance")})


def cases() -> Iterator[Case]:
    yield from roots()
    yield from orders()
    yield from issuers()
    yield from path_lengths()
    yield from periods()


def roots() -> Iterator[Case]:
    yield Case("chain_in_order", "root", "the root, three authorities and the leaf", document())
    alone = [ROOT, leaf_of_root()]
    yield Case("chain_of_two", "root", "the root issues the leaf itself", document(alone))

    def mismatch(name: str, about: str, bundle: list[bytes]) -> Case:
        detail = f"the chain's root {sha256(bundle[0]).hexdigest()[:8]}... is none of those trusted"
        return Case(name, "root", about, document(cabundle=bundle), "TrustRootMismatch", detail)

    below = SOUND[1:-1]
    yield mismatch("root_last", "the bundle is upside down", [*reversed(below), ROOT])
    yield mismatch("root_missing", "the bundle begins with the region", below)
    yield mismatch("root_second", "the root stands behind the region", [below[0], ROOT, *below[1:]])
    reissued = replace(IN_ORDER["root"], serial=der.integer(0x5E02)).issue(KEYS["root"])
    yield mismatch(
        "root_reissued", "another certificate of the same name and key", [reissued, *below]
    )
    impostor = replace(IN_ORDER["root"]).issue(key("impostor"))
    yield mismatch("root_signed_anew", "the same fields with another signature", [impostor, *below])
    yield mismatch("root_with_byte_behind", "the root and a zero byte", [ROOT + b"\0", *below])
    yield mismatch("root_in_pem", "the root in PEM", [pem(ROOT)[:1024], *below])


def pem(certificate: bytes) -> bytes:
    return load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)


def leaf_of_root() -> bytes:
    return replace(IN_ORDER["leaf"], issuer=der.name("root")).issue(KEYS["root"])


def orders() -> Iterator[Case]:
    root, region, zone, instance, leaf = LONG
    order = "chain.order"
    yield invalid(
        "region_missing",
        order,
        "the region is not there",
        document([root, zone, instance, leaf]),
        1,
        SIGNATURE,
    )
    yield invalid(
        "zone_missing",
        order,
        "the zone is not there",
        document([root, region, instance, leaf]),
        2,
        SIGNATURE,
    )
    yield invalid(
        "instance_missing",
        order,
        "the instance is not there",
        document([root, region, zone, leaf]),
        3,
        SIGNATURE,
    )
    yield invalid(
        "zone_and_instance_swapped",
        order,
        "the instance in front of the zone",
        document([root, region, instance, zone, leaf]),
        2,
        SIGNATURE,
    )
    yield invalid(
        "zone_twice",
        order,
        "the zone twice",
        document([root, region, zone, zone, instance, leaf]),
        3,
        SIGNATURE,
    )
    yield invalid(
        "leaf_in_bundle",
        order,
        "the leaf at the end of the bundle too",
        document([root, region, zone, instance, leaf, leaf]),
        4,
        "it issues a certificate without being an authority",
    )
    yield Case(
        "root_twice",
        order,
        "the root twice: it signed itself, and does not limit the path",
        document([root, root, region, zone, instance, leaf]),
    )


def issuers() -> Iterator[Case]:
    root, region, _, instance, leaf = SOUND
    by_root = replace(IN_ORDER["zone"]).issue(KEYS["root"])
    yield invalid(
        "signed_by_another_authority",
        "chain.signature",
        "the zone is signed by the root",
        document([root, region, by_root, instance, leaf]),
        2,
        SIGNATURE,
    )
    by_itself = replace(IN_ORDER["zone"]).issue(KEYS["zone"])
    yield invalid(
        "signed_by_itself",
        "chain.signature",
        "the zone is signed by itself",
        document([root, region, by_itself, instance, leaf]),
        2,
        SIGNATURE,
    )
    for level in ("region", "zone", "instance", "leaf"):
        harmed = chain(**{level: {"bits": lambda signature: der.bits(altered(signature))}})
        yield invalid(
            f"signature_altered_{level}",
            "chain.signature",
            f"the {level}'s signature is altered in its last bit",
            document(harmed),
            LEVELS.index(level),
            SIGNATURE,
        )
    other = "its issuer is not the subject of the one above"
    for name, about, issuer in [
        ("other", "a name of somebody else", der.name("elsewhere")),
        ("in_another_case", "the region's name in capitals", der.name("REGION")),
        ("with_space", "the region's name and a space", der.name("region ")),
        (
            "of_another_type",
            "the region's name as UTF8String",
            der.name("region").replace(b"\x13\x06region", b"\x0c\x06region"),
        ),
    ]:
        yield invalid(
            f"issuer_{name}",
            "chain.issuer",
            about,
            document(chain(zone={"issuer": issuer})),
            2,
            other,
        )


def altered(signature: bytes) -> bytes:
    return signature[:-1] + bytes([signature[-1] ^ 1])


def path_lengths() -> Iterator[Case]:
    for level, allowed in (("root", 3), ("region", 2), ("zone", 1), ("instance", 0)):
        data = chain(**{level: {"extensions": authority(allowed)}})
        yield Case(
            f"path_length_at_limit_{level}",
            "chain.path-length",
            f"the {level} allows just as many authorities as follow: {allowed}",
            document(data),
            trust_root=data[0],
        )
    for level, allowed, actual in (("root", 2, 3), ("region", 1, 2), ("zone", 0, 1)):
        data = chain(**{level: {"extensions": authority(allowed)}})
        yield invalid(
            f"path_length_beyond_limit_{level}",
            "chain.path-length",
            f"the {level} allows {allowed}, and {actual} follow",
            document(data),
            LEVELS.index(level),
            f"{actual} authorities follow where it allows {allowed}",
            trust_root=data[0],
        )
    by_leaf = replace(IN_ORDER["leaf"], issuer=der.name("leaf")).issue(KEYS["leaf"])
    yield invalid(
        "leaf_mints_a_leaf",
        "chain.authority",
        "a leaf, which is no authority, issued another",
        document([*LONG, by_leaf]),
        4,
        "it issues a certificate without being an authority",
    )


def periods() -> Iterator[Case]:
    hour = timedelta(hours=1)
    for level in LEVELS:
        for name, begin, end, at, error in [
            ("first_second", NOW, NOW + hour, NOW_MS, None),
            ("before_first_second", NOW + SECOND, NOW + hour, NOW_MS + 999, "begins"),
            ("last_second", NOW - hour, NOW, NOW_MS + 999, None),
            ("after_last_second", NOW - hour, NOW - SECOND, NOW_MS, "ended"),
        ]:
            data = chain(**{level: {"validity": validity(begin, end)}})
            place = LEVELS.index(level)
            detail = (
                f"certificate {place} of the chain is valid from {begin:%Y-%m-%dT%H:%M:%SZ} to "
                f"{end:%Y-%m-%dT%H:%M:%SZ}, not at {NOW:%Y-%m-%dT%H:%M:%SZ}"
            )
            yield Case(
                f"{level}_{name}",
                "chain.validity",
                f"the {level}: {name.replace('_', ' ')}",
                document(data),
                None if error is None else "CertificateExpired",
                None if error is None else detail,
                trust_root=data[0],
                now_ms=at,
            )
    backwards = chain(zone={"validity": around(hour, -hour)})
    yield Case(
        "zone_ends_before_it_begins",
        "chain.validity",
        "the zone's end lies before its beginning",
        document(backwards),
        "CertificateExpired",
        "certificate 2 of the chain is valid from 2026-01-15T13:00:00Z to 2026-01-15T11:00:00Z, "
        "not at 2026-01-15T12:00:00Z",
    )
