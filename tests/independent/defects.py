"""Envelopes with one defect each, after which their files in tests/vectors/envelope are named.

`python -m tests.independent.defects` writes those that are not there yet: randomness makes every
one anew, and a vector is never changed.
"""

import json
import os
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from . import altered_envelopes, envelope, header, hpke, payload, version_one
from .forged import (
    FOLDER,
    PLAINTEXT,
    PREAMBLE,
    X25519_KEY,
    XWING_KEY,
    Vector,
    flip,
    good,
    sealed,
    stanza,
    with_another,
)
from .header import ANONYMOUS, Stanza
from .kem import MLKEM_PUBLIC, combine
from .keys import RSA, X25519, XWING, PrivateKey, PublicKey, wrap_info


def of_form() -> Iterator[Vector]:
    rule, refused = "rules of form", "UnsupportedFormat"
    yield Vector("cut_within_the_magic", rule, "three bytes", good()[:3], refused)
    cut = good()[:4]
    yield Vector("cut_before_the_version", rule, "the magic alone", cut, "Truncated")
    other = b"CAPE\x03"
    yield Vector("unknown_version_and_no_more", rule, "it ends behind version 3", other, refused)
    yield Vector("cut_within_the_fixed_part", rule, "15 bytes", good()[:15], "Truncated")
    whole = bytearray(good())
    whole[15] += 1
    about = "the header length is one more than the header's"
    yield Vector("header_length_into_the_payload", rule, about, bytes(whole), refused)
    for name, type_, size in (
        ("xwing_stanza_of_another_length", XWING, 1167),
        ("rsa_stanza_shorter_than_2048_bits", RSA, 255),
        ("rsa_stanza_longer_than_8192_bits", RSA, 1025),
        ("stanza_without_a_body", X25519, 0),
    ):
        about = f"a second stanza has the type {type_:#06x} and a body of {size} bytes"
        yield Vector(
            name, rule, about, with_another(Stanza(type_, b"another.", bytes(size))), refused
        )
    unknown = Stanza(0x7777, b"the same", b"body")
    twice = sealed(lambda key: [stanza(X25519_KEY.public_key(), key), unknown, unknown])
    about = "two stanzas of an unknown type have one key id"
    yield Vector("two_stanzas_of_an_unknown_type_for_one_key", rule, about, twice, refused)
    hidden = [Stanza(0x7777, ANONYMOUS, b"body")] * 5
    five = sealed(lambda key: [stanza(X25519_KEY.public_key(), key), *hidden])
    about = "five stanzas of an unknown type have the key id zero"
    yield Vector("five_anonymous_stanzas_of_an_unknown_type", rule, about, five, refused)


def of_texts() -> Iterator[Vector]:
    rule, cut = "two forms", "Truncated"
    for name, about, text, error in (
        ("text_of_the_mark_alone", "it ends behind the first colon", b"cape:", cut),
        ("text_cut_within_the_prefix", "it ends before the second colon", b"cape:2", cut),
        ("text_cut_behind_the_prefix", "no envelope follows", b"cape:2:", "UnsupportedFormat"),
        ("text_cut_behind_a_character", "one character follows", b"cape:2:Q", cut),
    ):
        yield Vector(name, rule, about, text, error)


def of_stanzas() -> Iterator[Vector]:
    rule, public = "header", X25519_KEY.public_key()
    about = "a stanza of an unknown type is skipped"
    skipped = with_another(Stanza(0x7777, b"another.", b"body"))
    yield Vector("stanza_of_an_unknown_type", rule, about, skipped)
    about = "a stanza of an unknown type has the key id of the one that opens"
    same = with_another(Stanza(0x7777, public.key_id, b"body"))
    yield Vector("one_key_id_under_two_types", rule, about, same)
    about = "no stanza is of a known type"
    strange = sealed(lambda _: [Stanza(0x7777, public.key_id, bytes(80))])
    yield Vector("no_stanza_of_a_known_type", "opening", about, strange, "DecryptFailed")
    about = "the recipient is the last of four who are not told"
    others = [PrivateKey(X25519, bytes([n]) * 32).public_key() for n in (3, 4, 5)]
    four = sealed(lambda key: [stanza(each, key, ANONYMOUS) for each in (*others, public)])
    yield Vector("four_anonymous_recipients", "opening", about, four)
    about = "the stanza under the key's id does not open, and one that is not told does"
    damaged = Stanza(X25519, public.key_id, os.urandom(80))
    second = sealed(lambda key: [damaged, stanza(public, key, ANONYMOUS)])
    yield Vector("anonymous_stanza_behind_one_that_does_not_open", "opening", about, second)
    yield from of_another_file_key(public)
    about = "thirty-two recipients, of whom the key is the last"
    many = [PrivateKey(X25519, bytes([n]) * 32).public_key() for n in range(3, 34)]
    full = sealed(lambda key: [stanza(each, key) for each in (*many, public)])
    yield Vector("thirty_two_recipients", rule, about, full)
    about = "a stanza for an X-Wing key"
    xwing = sealed(lambda key: [stanza(XWING_KEY.public_key(), key)])
    yield Vector("xwing", rule, about, xwing, key=XWING_KEY)
    about = "the X25519 share that ends the X-Wing enc is zero, and everything else is in order"
    low = sealed(lambda key: [xwing_of_low_order(key)])
    yield Vector("xwing_share_of_low_order", rule, about, low, "DecryptFailed", XWING_KEY)
    about = "the ML-KEM part of the X-Wing enc is altered"
    altered = bytearray(xwing)
    altered[header.FIXED + 12 + 500] ^= 1
    yield Vector("xwing_altered", rule, about, bytes(altered), "DecryptFailed", XWING_KEY)


def of_another_file_key(public: PublicKey) -> Iterator[Vector]:
    """Two stanzas that open for one key; the first that is tried gives the file key."""
    for name, about, first, second, error in (
        (
            "first_stanza_of_another_file_key",
            "the stanza under the key's id gives another file key, an anonymous one the right one",
            *(public.key_id, ANONYMOUS, "DecryptFailed"),
        ),
        (
            "first_anonymous_stanza_of_another_file_key",
            "of two that are not told the first gives another file key, the second the right one",
            *(ANONYMOUS, ANONYMOUS, "DecryptFailed"),
        ),
        (
            "stanza_behind_an_anonymous_one_of_another_file_key",
            "a stanza that is not told gives another file key, and is not tried",
            *(ANONYMOUS, public.key_id, None),
        ),
    ):
        pair = lambda key, first=first, second=second: [
            stanza(public, os.urandom(32), first),
            stanza(public, key, second),
        ]
        yield Vector(name, "opening", about, sealed(pair), error)


def xwing_of_low_order(file_key: bytes) -> Stanza:
    """Return a stanza that opens for whoever does not look at the share."""
    public = XWING_KEY.public_key()
    mlkem = MLKEM768PublicKey.from_public_bytes(public.octets[:MLKEM_PUBLIC])
    secret, ciphertext = mlkem.encapsulate()
    shared = combine(secret, bytes(32), bytes(32), public.octets[MLKEM_PUBLIC:])
    info = wrap_info(XWING, PREAMBLE)
    schedule = hpke.key_schedule(XWING, hpke.CHACHA20_POLY1305, shared, info)
    wrapped = ChaCha20Poly1305(schedule.key).encrypt(schedule.base_nonce, file_key, b"")
    return Stanza(XWING, public.key_id, ciphertext + bytes(32) + wrapped)


def of_payloads() -> Iterator[Vector]:
    rule = "payload"
    for size, name in (
        (0, "nothing"),
        (16_384, "one_whole_chunk"),
        (16_385, "one_chunk_and_a_byte"),
    ):
        plaintext = b"x" * size
        about = f"a plaintext of {size} bytes"
        yield Vector(
            f"plaintext_of_{name}", rule, about, good(plaintext=plaintext), plaintext=plaintext
        )
    two = good(plaintext=b"x" * 16_384)
    last = len(two) - 16
    about = "the only whole chunk is there twice"
    repeated = two[: last - 16_400] + two[last - 16_400 : last] * 2 + two[last:]
    yield Vector("chunk_repeated", rule, about, repeated, "DecryptFailed")
    about = "the last chunk, which is empty, is there twice"
    yield Vector("last_chunk_repeated", rule, about, two + two[last:], "DecryptFailed")
    about = "a whole chunk follows the last"
    yield Vector("whole_chunk_after_the_end", rule, about, two + two[-16_416:-16], "DecryptFailed")
    about = "15 bytes of the last chunk's tag are there"
    yield Vector("last_tag_cut", rule, about, two[:-1], "Truncated")
    about = "it was sealed with external data, and is opened without"
    yield Vector("external_data_missing", rule, about, good(aad=b"outside"), "DecryptFailed")
    about = "the payload's AEAD is ChaCha20-Poly1305"
    public = [X25519_KEY.public_key()]
    other = envelope.seal(PLAINTEXT, public, suite=payload.CHACHA20_POLY1305)
    yield Vector("no_defect_of_suite_2", rule, about, other)
    about = "the encryption context is as long as it may be, and one value is no text"
    yield Vector("longest_context", "encryption context", about, good(context=longest_context()))


def longest_context() -> bytes:
    context = header.encode_context({"": b"", "a": b"\xff" * (header.MOST_CONTEXT - 9)})
    assert len(context) == header.MOST_CONTEXT
    return context


def of_rsa(key: PrivateKey) -> Iterator[Vector]:
    rule, public = "stanzas", key.public_key()

    def wrapped(message: Callable[[bytes], bytes], scheme: padding.OAEP) -> bytes:
        body = lambda file_key: public.rsa().encrypt(message(file_key), scheme)
        return sealed(lambda file_key: [Stanza(RSA, public.key_id, body(file_key))])

    def oaep(mask=hashes.SHA256, digest=hashes.SHA256, label=None) -> padding.OAEP:
        return padding.OAEP(padding.MGF1(mask()), digest(), label)

    whole = lambda file_key: file_key
    yield Vector("rsa", rule, "a stanza for an RSA key", wrapped(whole, oaep()), key=key)
    for name, about, message, scheme in (
        ("rsa_of_31_bytes", "OAEP holds 31 bytes of the file key", lambda k: k[:31], oaep()),
        ("rsa_of_33_bytes", "OAEP holds the file key and a byte", lambda k: k + b"\0", oaep()),
        ("rsa_with_sha_1", "OAEP is with SHA-1", whole, oaep(hashes.SHA1, hashes.SHA1)),
        ("rsa_with_mgf1_of_sha_1", "MGF1 is with SHA-1", whole, oaep(mask=hashes.SHA1)),
        ("rsa_with_a_label", "OAEP has a label", whole, oaep(label=b"label")),
    ):
        yield Vector(name, rule, about, wrapped(message, scheme), "DecryptFailed", key)
    pkcs1 = sealed(
        lambda file_key: [
            Stanza(RSA, public.key_id, public.rsa().encrypt(file_key, padding.PKCS1v15()))
        ]
    )
    about = "the padding is that of PKCS #1, version 1.5"
    yield Vector("rsa_with_the_old_padding", rule, about, pkcs1, "DecryptFailed", key)


def of_version_1(key: PrivateKey) -> Iterator[Vector]:
    rule = "version 1"
    text = version_one.seal(PLAINTEXT, key.public_key())
    binary = version_one.from_text(text)
    yield Vector("version_1", rule, "an envelope of the first system", text, key=key)
    for name, about, octets in (
        ("version_1_wrapped_key_altered", "a bit of the wrapped key", flip(binary, 10)),
        ("version_1_nonce_altered", "a bit of the nonce", flip(binary, 256)),
        ("version_1_ciphertext_altered", "a bit of the ciphertext", flip(binary, 268)),
        ("version_1_tag_altered", "a bit of the tag", flip(binary, -1)),
        ("version_1_last_byte_missing", "the last byte is missing", binary[:-1]),
    ):
        altered = version_one.to_text(octets)
        yield Vector(name, rule, about, altered, "DecryptFailed", key)
    about = "it ends within the tag of a plaintext that would be empty"
    cut = version_one.to_text(binary[: 256 + 27])
    yield Vector("version_1_cut", rule, about, cut, "Truncated", key)
    refused = "UnsupportedFormat"
    for name, about, altered in (
        ("version_1_with_a_line_break", "a line break within", text[:80] + b"\n" + text[80:]),
        ("version_1_in_base64url", "the other alphabet", to_base64url(text)),
        ("version_1_of_an_x25519_key", "the key is not of RSA", text),
    ):
        other = X25519_KEY if altered is text else key
        yield Vector(name, rule, about, altered, refused, other)
    unpadded = text.rstrip(b"=")
    assert unpadded != text
    yield Vector("version_1_unpadded", rule, "the padding is missing", unpadded, refused, key)


def to_base64url(text: bytes) -> bytes:
    changed = b"cape:" + text[5:].replace(b"+", b"-").replace(b"/", b"_")
    assert changed != text
    return changed


def vectors() -> Iterator[Vector]:
    key = PrivateKey.generate(RSA)
    yield from altered_envelopes.vectors()
    yield from of_form()
    yield from of_texts()
    yield from of_stanzas()
    yield from of_payloads()
    yield from of_rsa(key)
    yield from of_version_1(key)


if __name__ == "__main__":
    for vector in vectors():
        path = FOLDER / f"{vector.name}.json"
        if not path.exists():
            path.write_text(json.dumps(vector.as_json(), indent=2, sort_keys=True) + "\n")
