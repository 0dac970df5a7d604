"""A chain shaped like AWS's: root, region, zone, instance, leaf."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha384
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from tests.attestation import der
from tests.attestation.forge import DIGITAL_SIGNATURE, KEY_CERT_SIGN, NOW, spki

NOW_MS = int(NOW.timestamp() * 1000)
LEVELS = ("root", "region", "zone", "instance", "leaf")
ALGORITHM = der.tlv(der.SEQUENCE, der.identifier(der.ECDSA_WITH_SHA384))
SIGNING = ec.ECDSA(SHA384(), deterministic_signing=True)


def key(name: str) -> ec.EllipticCurvePrivateKey:
    """Return the key of this name: always the same, and worth nothing."""
    secret = int.from_bytes(sha384(f"cape test vector {name}".encode()).digest(), "big")
    return ec.derive_private_key(secret >> 8, ec.SECP384R1())


KEYS = {name: key(name) for name in LEVELS}


def validity(begin: datetime, end: datetime) -> bytes:
    return der.tlv(der.SEQUENCE, der.time(begin), der.time(end))


def around(begin: timedelta, end: timedelta) -> bytes:
    """Return a validity, counted from the time at which documents are made."""
    return validity(NOW + begin, NOW + end)


@dataclass(frozen=True)
class Certificate:
    """A certificate to be: its elements, each encoded."""

    issuer: bytes
    subject: bytes
    validity: bytes
    public_key: bytes
    extensions: list[bytes]
    version: bytes = der.tlv(der.EXPLICIT_0, der.integer(2))
    serial: bytes = der.integer(0x5E01)
    signed_algorithm: bytes = ALGORITHM
    algorithm: bytes = ALGORITHM
    unique_ids: bytes = b""
    # What is made of the extensions, of what is signed, of the signature, and of the whole.
    wrap: Callable[[bytes], bytes] = lambda extensions: der.tlv(der.EXPLICIT_3, extensions)
    seal: Callable[[bytes], bytes] = lambda fields: der.tlv(der.SEQUENCE, fields)
    bits: Callable[[bytes], bytes] = der.bits
    finish: Callable[[bytes], bytes] = lambda content: der.tlv(der.SEQUENCE, content)

    def issue(self, issuer: ec.EllipticCurvePrivateKey) -> bytes:
        fields = (
            self.version,
            self.serial,
            self.signed_algorithm,
            self.issuer,
            self.validity,
            self.subject,
            self.public_key,
            self.unique_ids,
            self.wrap(der.tlv(der.SEQUENCE, *self.extensions)),
        )
        signed = self.seal(b"".join(fields))
        return self.finish(signed + self.algorithm + self.bits(issuer.sign(signed, SIGNING)))


def _in_order() -> dict[str, Certificate]:
    hour, day = timedelta(hours=1), timedelta(days=1)
    periods = {
        "root": validity(NOW.replace(2019), NOW.replace(2049)),
        "region": around(-5 * day, 15 * day),
        "zone": around(-2 * day, 4 * day),
        "instance": around(-10 * hour, 14 * hour),
        "leaf": around(-hour, 2 * hour),
    }
    lengths = {"root": None, "region": 2, "zone": 1, "instance": 0}
    return {
        level: Certificate(
            issuer=der.name(LEVELS[max(0, place - 1)]),
            subject=der.name(level),
            validity=periods[level],
            public_key=spki(KEYS[level]),
            extensions=authority(lengths[level]) if level in lengths else NO_AUTHORITY,
        )
        for place, level in enumerate(LEVELS)
    }


def authority(path_length: int | None) -> list[bytes]:
    constraints = der.basic_constraints(authority=True, path_length=path_length)
    return [constraints, der.key_usage(KEY_CERT_SIGN)]


NO_AUTHORITY = [der.basic_constraints(authority=False), der.key_usage(DIGITAL_SIGNATURE)]
IN_ORDER = _in_order()


def chain(**changes: dict[str, Any]) -> list[bytes]:
    """Issue the chain; `zone={"serial": ...}` changes elements of the zone's certificate."""
    return [
        replace(IN_ORDER[level], **changes.get(level, {})).issue(KEYS[LEVELS[max(0, place - 1)]])
        for place, level in enumerate(LEVELS)
    ]


SOUND = chain()
ROOT = SOUND[0]
