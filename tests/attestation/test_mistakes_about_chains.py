"""What verifiers have got wrong elsewhere about certificates, tried with `attestation.verify`.

The core has its own tests of these (`attest_rules/prior_mistakes.rs`); here the package is asked,
with documents that share no code with it.
"""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pycape import attestation, errors

from . import der
from .forge import (
    DIGITAL_SIGNATURE,
    KEY_CERT_SIGN,
    NOW,
    Certificate,
    authority,
    certify,
    document,
    leaf,
    spki,
)
from .judge import ABOVE, ENCLAVE, INSTANCE, ROOT, SOUND, refused, verify


def test_cabundle_read_from_the_wrong_end():
    """The root is the first: last, it vouches for nothing that stands before it."""
    upside_down = [certificate.der for certificate in reversed(ABOVE)]
    refused(errors.TrustRootMismatch, document(SOUND, cabundle=upside_down))
    own = authority("root")
    theirs = [own, leaf(own)]
    refused(errors.TrustRootMismatch, document(theirs, cabundle=[own.der, ROOT.der]))


def test_root_not_pinned():
    """A root of the same name, even one for the same key, is another root."""
    for impostor in (authority("root"), authority("root", key=ROOT.key)):
        chain = [impostor, leaf(impostor)]
        refused(errors.TrustRootMismatch, document(chain))
    refused(errors.TrustRootMismatch, document(SOUND), trust_roots=None)


SIGNS_CERTIFICATES, SIGNS_DATA = der.key_usage(KEY_CERT_SIGN), der.key_usage(DIGITAL_SIGNATURE)
MAY_ISSUE = der.basic_constraints(authority=True)

MINTED = {
    "issues a certificate without being an authority": [ROOT, (low := leaf(ROOT)), leaf(low)],
    "authorities follow where it allows 0": [
        ROOT,
        (last := authority("x", ROOT, path_length=0)),
        (more := authority("y", last)),
        leaf(more),
    ],
    "last certificate may issue others": [*ABOVE, authority("x", INSTANCE)],
    "no basic constraints": [
        ROOT,
        (bare := certify("x", ROOT, extensions=[SIGNS_CERTIFICATES])),
        leaf(bare),
    ],
    "may not sign certificates": [
        ROOT,
        (signer := certify("x", ROOT, extensions=[MAY_ISSUE, SIGNS_DATA])),
        leaf(signer),
    ],
    "no key usage": [ROOT, (useless := certify("x", ROOT, extensions=[MAY_ISSUE])), leaf(useless)],
    "may not sign data": [
        *ABOVE,
        certify(
            "x", INSTANCE, extensions=[der.basic_constraints(authority=False), der.key_usage(1)]
        ),
    ],
}


@pytest.mark.parametrize(("reason", "chain"), MINTED.items(), ids=MINTED)
def test_basic_constraints_key_usage_path_length_unchecked(reason, chain):
    refused(errors.ChainInvalid, document(chain), reason)


def test_issuer_and_signature_unchecked():
    another = leaf(authority("instance", key=INSTANCE.key))
    assert verify(document([*ABOVE, another])), "the same name and key: the same issuer"
    refused(errors.ChainInvalid, document([*ABOVE, leaf(authority("instance"))]), "signature")
    renamed = leaf(authority("another", key=INSTANCE.key))
    refused(errors.ChainInvalid, document([*ABOVE, renamed]), "issuer")


def public_key(algorithm: bytes, point: bytes) -> bytes:
    identifier = der.identifier("1.2.840.10045.2.1")
    return der.tlv(der.SEQUENCE, der.tlv(der.SEQUENCE, identifier, algorithm), der.bits(point))


POINT = ENCLAVE.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
COMPRESSED = ENCLAVE.key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
P384 = der.identifier("1.3.132.0.34")

KEYS = {
    "P-256": spki(ec.generate_private_key(ec.SECP256R1())),
    "P-521": spki(ec.generate_private_key(ec.SECP521R1())),
    "secp256k1": spki(ec.generate_private_key(ec.SECP256K1())),
    "brainpoolP384r1": spki(ec.generate_private_key(ec.BrainpoolP384R1())),
    "Ed25519": spki(ed25519.Ed25519PrivateKey.generate()),
    "no point": public_key(P384, b""),
    "a compressed point": public_key(P384, COMPRESSED),
    "a curve without a name": public_key(der.tlv(der.SEQUENCE, der.integer(1)), POINT),
    "no curve": public_key(b"", POINT),
}


@pytest.mark.parametrize("place", ["leaf", "authority"])
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_curve_not_enforced_or_a_panic_on_an_unexpected_one(key, place):
    refused(errors.ChainInvalid, document(chain_with(key, place)), "point on P-384")


def test_a_point_that_is_not_on_the_curve():
    point = public_key(P384, b"\4" + b"\1" * 96)
    refused(errors.SignatureInvalid, document(chain_with(point, "leaf")))
    refused(errors.ChainInvalid, document(chain_with(point, "authority")), "signature")


def chain_with(key: bytes, place: str) -> list[Certificate]:
    if place == "leaf":
        return [*ABOVE, leaf(INSTANCE, key=ENCLAVE.key, public_key=key)]
    odd = authority("odd", ROOT, public_key=key)
    return [ROOT, odd, leaf(odd)]


def test_lenient_der():
    refused(errors.ChainInvalid, document([*ABOVE, leaf(INSTANCE, strict=False)]), "DER")
    trailing = ENCLAVE.der + b"\0"
    refused(errors.ChainInvalid, document(SOUND, certificate=trailing), "DER")
    long_form = b"\x30\x83\0" + ENCLAVE.der[2:]
    refused(errors.ChainInvalid, document(SOUND, certificate=long_form), "DER")


@pytest.mark.parametrize("first", [True, False])
def test_duplicate_extensions(first):
    extensions = [
        der.basic_constraints(authority=first),
        der.basic_constraints(authority=not first),
        der.key_usage(KEY_CERT_SIGN),
    ]
    doubtful = certify("doubtful", ROOT, extensions=extensions)
    refused(errors.ChainInvalid, document([ROOT, doubtful, leaf(doubtful)]), "twice")


def test_an_unknown_critical_extension():
    for critical in (True, False):
        unknown = der.extension("1.2.3.4", der.integer(1), critical=critical)
        sound = [der.basic_constraints(authority=False), der.key_usage(DIGITAL_SIGNATURE)]
        chain = [*ABOVE, leaf(INSTANCE, extensions=[*sound, unknown])]
        if critical:
            refused(errors.ChainInvalid, document(chain), "critical")
        else:
            assert verify(document(chain))


@pytest.mark.parametrize("expired", range(5))
def test_expired_certificates_accepted_through_a_cache(expired):
    """Each one of the chain in turn; the cache saw all of them while they were valid."""
    end = NOW + timedelta(minutes=1)
    lasting = [{"not_after": end} if number == expired else {} for number in range(5)]
    chain = []
    for number in range(4):
        chain.append(authority(f"certificate {number}", *chain[-1:], **lasting[number]))
    chain.append(leaf(chain[-1], **lasting[4]))
    roots, cache = attestation.TrustRoots([chain[0].der]), attestation.ChainCache()
    for moment in (NOW, end):
        verify(document(chain), trust_roots=roots, cache=cache, now=moment)
    late = end + timedelta(seconds=1)
    for known in (cache, None):
        with pytest.raises(errors.CertificateExpired):
            verify(document(chain), trust_roots=roots, cache=known, now=late)


def key_with_a_leading_zero(coordinate: str) -> ec.EllipticCurvePrivateKey:
    for secret in range(1, 1 << 16):
        key = ec.derive_private_key(secret, ec.SECP384R1())
        if getattr(key.public_key().public_numbers(), coordinate) >> 376 == 0:
            return key
    raise AssertionError("one key in 256 has one")


@pytest.mark.parametrize("coordinate", ["x", "y"])
def test_leading_zero_of_a_coordinate_dropped(coordinate):
    key = key_with_a_leading_zero(coordinate)
    assert verify(document([*ABOVE, leaf(INSTANCE, key=key)]))
    issuer = authority("short", ROOT, key=key)
    assert verify(document([ROOT, issuer, leaf(issuer)]))
