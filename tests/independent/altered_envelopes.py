"""Envelopes that were altered, cut or put together wrongly, and texts that are not quite theirs."""

import os
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from . import envelope, header, hpke, payload
from .forged import (
    PREAMBLE,
    X25519_KEY,
    Vector,
    flip,
    forged,
    good,
    sealed,
    stanza,
    with_another,
)
from .header import ANONYMOUS, FIXED, MAC, Stanza, u16
from .kem import KEMS
from .keys import X25519, PrivateKey, wrap_info
from .payload import CHUNK, FRONT, TAG

FORM, REFUSED = "rules of form", "UnsupportedFormat"
PUBLIC = X25519_KEY.public_key()
OTHER = PrivateKey(X25519, bytes([9]) * 32).public_key()
# Where the parts of an envelope begin that has one stanza of X25519, and no context.
BODY = FIXED + 12
MAC_AT = BODY + 32 + header.SEALED_FILE_KEY
PAYLOAD = MAC_AT + MAC
CHUNKS = PAYLOAD + FRONT


def vectors() -> Iterator[Vector]:
    yield Vector(
        "no_defect", "opening", "the control: nothing is wrong with it, and it opens", good()
    )
    yield from headers_of_another_form()
    yield from contexts()
    yield from numbers_of_stanzas()
    yield from stanzas()
    yield from payloads()
    yield from texts()
    yield from use_rules()


def headers_of_another_form() -> Iterator[Vector]:
    for name, about, preamble in (
        ("another_magic", 'it begins with "cAPE"', b"cAPE" + PREAMBLE[4:]),
        ("unknown_version", "version 3, everything else as in version 2", b"CAPE\3\1\0\0"),
        ("unknown_suite", "suite 3", b"CAPE\2\3\0\0"),
        ("a_flag", "a flag is set", b"CAPE\2\1\0\1"),
    ):
        yield Vector(name, FORM, about, forged(preamble=preamble), REFUSED)
    short = forged(size=FIXED + MAC - 1)
    yield Vector("header_too_short_for_its_parts", FORM, "H is 47", short, REFUSED)
    filling = header.MOST_HEADER + 1 - PAYLOAD - 12
    large = forged(others=[Stanza(0x7777, b"another.", bytes(filling))])
    about = "H is 65537, and the header has as many bytes"
    yield Vector("header_over_its_limit", FORM, about, large, REFUSED)
    about = "five bytes follow the last stanza"
    yield Vector("bytes_between_stanzas_and_mac", FORM, about, forged(between=bytes(5)), REFUSED)
    yield Vector("header_cut", FORM, "it ends within the header", good()[:100], "Truncated")
    about = "one bit of the MAC is flipped"
    yield Vector("mac_altered", "header", about, flip(good(), MAC_AT), "DecryptFailed")


def contexts() -> Iterator[Vector]:
    over = header.MOST_CONTEXT + 1
    for name, about, context in (
        ("context_entry_overruns", "the context's value is longer than the context", entry("a", 2)),
        ("context_key_not_utf8", "a key of the context is c3 28", b"\0\2\0\0\xc3\x28"),
        (
            "context_key_twice",
            "the context has the key a twice",
            entry("a", 0, b"") + entry("a", 1),
        ),
        (
            "context_keys_out_of_order",
            "the context's keys are b, a",
            entry("b", 0, b"") + entry("a"),
        ),
        (
            "context_over_its_limit",
            "L is 4097, and the context has as many bytes",
            entry("a", over - 5, bytes(over - 5)),
        ),
    ):
        yield Vector(name, FORM, about, forged(context=context), REFUSED)
    altered = bytearray(forged(context=entry("a")))
    altered[FIXED + 5] ^= ord("x") ^ ord("y")
    about = "the context's value was x when it was sealed"
    yield Vector("context_altered", "header", about, bytes(altered), "DecryptFailed")


def entry(key: str, told: int = 1, value: bytes = b"x") -> bytes:
    """Return an entry that tells the length of its value, rightly or not."""
    return u16(len(key)) + u16(told) + key.encode() + value


def numbers_of_stanzas() -> Iterator[Vector]:
    another = Stanza(X25519, b"another.", bytes(80))
    for name, about, octets in (
        ("fewer_stanzas_than_told", "n is 2, and there is one stanza", forged(count=2)),
        (
            "more_stanzas_than_told",
            "n is 1, and there are two stanzas",
            forged(others=[another], count=1),
        ),
        ("no_recipient", "no stanza", sealed(lambda _: [])),
        (
            "thirty_three_recipients",
            "33 stanzas, the key's among them",
            forged(others=[Stanza(X25519, b"other %02d" % n, bytes(80)) for n in range(32)]),
        ),
        (
            "two_stanzas_for_one_key",
            "two stanzas have the same type and key id",
            sealed(lambda key: [stanza(PUBLIC, key)] * 2),
        ),
        (
            "five_anonymous_stanzas",
            "five stanzas have the key id zero",
            sealed(lambda key: [stanza(PUBLIC, key, ANONYMOUS) for _ in range(5)]),
        ),
        (
            "stanza_of_another_length",
            "a second stanza, of type X25519, has a body of 79 bytes",
            with_another(Stanza(X25519, b"another.", bytes(79))),
        ),
    ):
        yield Vector(name, FORM, about, octets, REFUSED)


def stanzas() -> Iterator[Vector]:
    another_suite = header.preamble(payload.CHACHA20_POLY1305)
    for name, about, octets in (
        (
            "not_a_recipient",
            "the only stanza is another key's",
            only(lambda key: stanza(OTHER, key)),
        ),
        (
            "stanza_of_another_key_under_this_ones_id",
            "the stanza has the key's id and wraps for another key",
            only(lambda key: stanza(OTHER, key, PUBLIC.key_id)),
        ),
        (
            "stanza_for_another_suite",
            "the file key is wrapped with the info of suite 2",
            only(lambda key: Stanza(X25519, PUBLIC.key_id, PUBLIC.wrap(key, another_suite))),
        ),
        (
            "stanza_altered",
            "one bit of the sealed file key is flipped",
            flip(good(), BODY + 32),
        ),
        ("share_of_low_order", "the stanza's enc is zero", only(of_low_order)),
        (
            "mac_of_another_file_key",
            "the MAC is made with another file key than the stanza wraps",
            of_file_keys(wrapped=0, mac=1, payload_=0),
        ),
    ):
        yield Vector(name, "header", about, octets, "DecryptFailed")


def only(make) -> bytes:
    return sealed(lambda file_key: [make(file_key)])


def of_low_order(file_key: bytes) -> Stanza:
    """Return a stanza that opens for whoever does not look at the share."""
    shared = KEMS[X25519]._shared_secret(bytes(32), bytes(32), PUBLIC.octets)
    info = wrap_info(X25519, PREAMBLE)
    schedule = hpke.key_schedule(X25519, hpke.CHACHA20_POLY1305, shared, info)
    wrapped = ChaCha20Poly1305(schedule.key).encrypt(schedule.base_nonce, file_key, b"")
    return Stanza(X25519, PUBLIC.key_id, bytes(32) + wrapped)


def of_file_keys(*, wrapped: int, mac: int, payload_: int, context: bytes = b"") -> bytes:
    """Return an envelope whose parts are made with one or the other of two file keys."""
    keys = [os.urandom(32), os.urandom(32)]
    front = header.write(payload.AES_256_GCM, b"", [stanza(PUBLIC, keys[wrapped])], keys[mac])
    bound = envelope.payload_context(PREAMBLE, context, b"")
    return front + payload.seal(payload.AES_256_GCM, keys[payload_], bound, b"secret")


def payloads() -> Iterator[Vector]:
    two = good(plaintext=bytes(CHUNK) + b"last")
    three = good(plaintext=b"a" * CHUNK + b"b" * CHUNK + b"last")
    first, second, third = CHUNKS, CHUNKS + CHUNK + TAG, CHUNKS + 2 * (CHUNK + TAG)
    swapped = three[:first] + three[second:third] + three[first:second] + three[third:]
    failed, cut = "DecryptFailed", "Truncated"
    for name, about, octets, error in (
        ("payload_missing", "nothing follows the header", good()[:PAYLOAD], cut),
        ("commitment_cut", "it ends within the commitment", good()[: CHUNKS - 16], cut),
        ("chunks_missing", "nothing follows the commitment", good()[:CHUNKS], cut),
        ("salt_altered", "one bit of the salt is flipped", flip(good(), PAYLOAD), failed),
        (
            "commitment_altered",
            "one bit of the commitment is flipped",
            flip(good(), PAYLOAD + payload.SALT),
            failed,
        ),
        ("chunk_altered", "one bit of the only chunk is flipped", flip(good(), CHUNKS), failed),
        ("tag_altered", "one bit of the only chunk's tag is flipped", flip(good(), -1), failed),
        ("bytes_after_the_end", "a byte follows the last chunk", good() + b"\0", failed),
        ("last_chunk_cut", "the last byte is missing", good()[:-1], failed),
        ("last_chunk_missing", "of two chunks the second is missing", two[:second], cut),
        (
            "first_chunk_missing",
            "of two chunks the first is missing",
            two[:first] + two[second:],
            failed,
        ),
        ("chunks_swapped", "the first two of three chunks are swapped", swapped, failed),
        (
            "payload_of_another_file_key",
            "the payload is sealed with another file key",
            of_file_keys(wrapped=0, mac=0, payload_=1),
            failed,
        ),
        (
            "payload_of_another_context",
            "the payload is bound to another encryption context",
            of_file_keys(wrapped=0, mac=0, payload_=0, context=entry("a")),
            failed,
        ),
    ):
        yield Vector(name, "payload", about, octets, error)


def texts() -> Iterator[Vector]:
    text = envelope.to_text(good())
    behind = text.removeprefix(envelope.TEXT_PREFIX)
    # Of the last of three characters two bits are left over.
    assert len(behind) % 4 == 3
    for name, about, octets, error in (
        ("text_in_capitals", "CAPE:2:", b"CAPE:2:" + behind, REFUSED),
        ("text_of_version_3", "cape:3:", b"cape:3:" + behind, REFUSED),
        ("text_with_a_leading_zero_in_its_version", "cape:02:", b"cape:02:" + behind, REFUSED),
        (
            "text_of_version_1",
            "no second colon: the text of the first system",
            b"cape:" + b"A" * 800,
            REFUSED,
        ),
        (
            "text_in_plain_base64",
            "the alphabet is that of base64 with + and /",
            in_plain_base64(),
            REFUSED,
        ),
        ("text_padded", "padding follows the text", text + b"=", REFUSED),
        ("text_with_a_line_break", "a line break follows the text", text + b"\n", REFUSED),
        (
            "text_cut_within_a_group",
            "one character is left of the last group",
            text[: len(envelope.TEXT_PREFIX) + 41],
            "Truncated",
        ),
        (
            "text_with_bits_left_over",
            "the bits left over at the end are not zero",
            with_next_character(text),
            "Truncated",
        ),
    ):
        yield Vector(name, "two forms", about, octets, error)


def in_plain_base64() -> bytes:
    while True:
        text = envelope.to_text(good())
        plain = text.replace(b"-", b"+").replace(b"_", b"/")
        if plain != text:
            return plain


def with_next_character(text: bytes) -> bytes:
    """Return a text whose last character has one more bit."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    place = alphabet.index(text[-1:])
    return text[:-1] + alphabet[place + 1 : place + 2]


def use_rules() -> Iterator[Vector]:
    checksum = b"ab" * 32
    functions, not_after = "cape.functions", "cape.not_after"
    for name, about, key, value in (
        ("functions_empty", f"{functions} is empty", functions, b""),
        (
            "functions_in_capitals",
            f"{functions} has upper-case digits",
            functions,
            checksum.upper(),
        ),
        (
            "functions_with_two_spaces",
            f"{functions} has two spaces between checksums",
            functions,
            checksum + b"  " + checksum,
        ),
        (
            "not_after_on_no_day",
            f"{not_after} is a day that does not exist",
            not_after,
            b"2030-02-30T00:00:00Z",
        ),
        (
            "not_after_with_an_offset",
            f"{not_after} is not in UTC",
            not_after,
            b"2030-01-01T00:00:00+00:00",
        ),
        ("not_after_without_time", f"{not_after} is a date", not_after, b"2030-01-01"),
        (
            "unknown",
            "cape.not_before is no rule that is known",
            "cape.not_before",
            b"2020-01-01T00:00:00Z",
        ),
    ):
        octets = good(context=header.encode_context({key: value}))
        yield Vector(
            f"rule_{name}", "use rules", about, octets, "UseForbidden", enforces_use_rules=True
        )
