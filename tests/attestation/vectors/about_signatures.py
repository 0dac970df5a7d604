"""Check 5: the document's signature."""

from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric import ec
from tests.attestation import cbor
from tests.attestation.forge import spki

from .case import Case
from .chain import KEYS, SIGNING, chain, key
from .document import PROTECTED, document, enclose, payload, sign, sign_bytes, sign_content

# The order of P-384's group (FIPS 186-5, SP 800-186).
ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)


def cases() -> Iterator[Case]:
    content = payload()
    good = sign_content(content)
    r, s = int.from_bytes(good[:48], "big"), int.from_bytes(good[48:], "big")
    low, high = sorted((s, ORDER - s))
    yield Case("signature_low_s", "signature", "the smaller of both s", signed(content, r, low))
    yield Case(
        "signature_high_s",
        "signature",
        "the greater of both s: COSE asks for neither",
        signed(content, r, high),
    )
    yield from leading_zeros()
    for name, about, pair in [
        ("r_zero", "r is 0", (0, s)),
        ("s_zero", "s is 0", (r, 0)),
        ("both_zero", "both are 0", (0, 0)),
        ("both_one", "both are 1", (1, 1)),
        ("r_order", "r is the group's order", (ORDER, s)),
        ("s_order", "s is the group's order", (r, ORDER)),
        ("s_beyond_order", "s is the order and 1", (r, ORDER + 1)),
        ("r_largest", "r is all ones", ((1 << 384) - 1, s)),
        ("s_largest", "s is all ones", (r, (1 << 384) - 1)),
        ("swapped", "s || r", (s, r)),
        ("r_altered", "r is altered in its last bit", (r ^ 1, s)),
        ("s_altered", "s is altered in its last bit", (r, s ^ 1)),
    ]:
        yield refused(f"signature_{name}", about, signed(content, *pair))
    in_der = KEYS["leaf"].sign(b"in DER", SIGNING)[:96].ljust(96, b"\0")
    yield refused("signature_in_der", "DER, cut to 96 bytes", enclose(content, signature=in_der))
    for name, about, other in [
        ("by_instance", "by the key of the certificate above the leaf", KEYS["instance"]),
        ("by_root", "by the root's key", KEYS["root"]),
        ("by_nobody", "by a key of nobody's", key("nobody")),
    ]:
        yield refused(f"signature_{name}", about, sign(content, other))
    yield from what_is_signed(content)


def signed(content: bytes, r: int, s: int) -> bytes:
    return enclose(content, signature=r.to_bytes(48, "big") + s.to_bytes(48, "big"))


def refused(name: str, about: str, data: bytes) -> Case:
    detail = "the document's signature does not hold"
    return Case(name, "signature", about, data, "SignatureInvalid", detail)


def leading_zeros() -> Iterator[Case]:
    """A number of 48 bytes keeps its zeros: of the signature, and of the key's coordinates."""
    for half in ("r", "s"):
        place = slice(-96, -48) if half == "r" else slice(-48, None)
        tries = (document(module_id=f"i-{number}") for number in range(1 << 14))
        short = next(data for data in tries if data[place][0] == 0)
        yield Case(f"signature_{half}_short", "signature", f"{half} begins with a zero byte", short)
    for coordinate in ("x", "y"):
        keys = (ec.derive_private_key(secret, ec.SECP384R1()) for secret in range(1, 1 << 16))
        own = next(key for key in keys if coordinates(key)[coordinate] >> 376 == 0)
        certificates = chain(leaf={"public_key": spki(own)})
        yield Case(
            f"key_{coordinate}_short",
            "certificate.key",
            f"the key's {coordinate} begins with a zero byte",
            sign(payload(certificates), own),
        )


def coordinates(private: ec.EllipticCurvePrivateKey) -> dict[str, int]:
    numbers = private.public_key().public_numbers()
    return {"x": numbers.x, "y": numbers.y}


def what_is_signed(content: bytes) -> Iterator[Case]:
    """Signatures by the right key over something else."""
    for name, about, item in [
        ("of_payload_alone", "the payload, without its frame", content),
        (
            "of_another_context",
            "with the context Signature",
            cbor.encode(["Signature", PROTECTED, b"", b"", content]),
        ),
        (
            "with_external_data",
            "with external data",
            cbor.encode(["Signature1", PROTECTED, b"x", content]),
        ),
        (
            "of_another_header",
            "with a header that says ES256",
            cbor.encode(["Signature1", bytes.fromhex("a10126"), b"", content]),
        ),
        (
            "of_another_payload",
            "another payload",
            cbor.encode(["Signature1", PROTECTED, b"", payload(nonce=b"another")]),
        ),
    ]:
        yield refused(f"signature_{name}", about, enclose(content, signature=sign_bytes(item)))
