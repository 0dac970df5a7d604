"""The header of an envelope, written and read. docs/spec/envelope.md, header and rules of form."""

import hmac
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from . import keys
from .errors import DecryptFailed, Truncated, UnsupportedFormat
from .labeled import expand_sha512
from .payload import AEADS

MAGIC = b"CAPE"
VERSION = 2
FIXED = 16
MAC = 32
SEALED_FILE_KEY = 48
ANONYMOUS = bytes(8)
MOST_STANZAS, MOST_CONTEXT, MOST_HEADER, MOST_ANONYMOUS = 32, 4096, 65536, 4

# Bytes of a stanza's body, by its type. RSA's is as long as the modulus.
BODY_SIZES = {
    keys.XWING: range(1120 + SEALED_FILE_KEY, 1120 + SEALED_FILE_KEY + 1),
    keys.X25519: range(32 + SEALED_FILE_KEY, 32 + SEALED_FILE_KEY + 1),
    keys.RSA: range(256, 1024 + 1),
}


@dataclass(frozen=True)
class Stanza:
    """The file key, wrapped for one recipient."""

    type: int
    key_id: bytes
    body: bytes

    def encode(self) -> bytes:
        return u16(self.type) + u16(len(self.body)) + self.key_id + self.body


@dataclass(frozen=True)
class Header:
    """A header whose form is right; nothing is authentic before its MAC holds."""

    octets: bytes
    suite: int
    context: dict[str, bytes]
    encoded_context: bytes
    stanzas: list[Stanza]

    @property
    def preamble(self) -> bytes:
        return self.octets[:8]

    def check_mac(self, file_key: bytes) -> None:
        if not hmac.compare_digest(mac(file_key, self.octets[:-MAC]), self.octets[-MAC:]):
            raise DecryptFailed("it does not open with this key")


def write(suite: int, context: bytes, stanzas: list[Stanza], file_key: bytes) -> bytes:
    """Return a header, its MAC included; `context` is as encoded."""
    body = context + b"".join(stanza.encode() for stanza in stanzas)
    size = FIXED + len(body) + MAC
    counts = u16(len(stanzas)) + u16(len(context)) + size.to_bytes(4, "big")
    octets = preamble(suite) + counts + body
    return octets + mac(file_key, octets)


def preamble(suite: int) -> bytes:
    """Return bytes [0, 8) of a header: the part that every derivation binds."""
    return MAGIC + bytes([VERSION, suite, 0, 0])


def mac(file_key: bytes, octets: bytes) -> bytes:
    return hmac.digest(expand_sha512(file_key, b"cape/2 header mac", 32), octets, "sha256")


def encode_context(context: Mapping[str, bytes]) -> bytes:
    entries = sorted((key.encode(), value) for key, value in context.items())
    return b"".join(u16(len(key)) + u16(len(value)) + key + value for key, value in entries)


def read(envelope: bytes) -> Header:
    """Read the header in front of an envelope, by the rules of form in their order.

    Raises:
        UnsupportedFormat: a rule is broken.
        Truncated: there are fewer bytes than the header has.
    """
    # 1. What it is.
    if not envelope.startswith(MAGIC):
        raise UnsupportedFormat("no envelope")
    if len(envelope) > 4 and envelope[4] != VERSION:
        raise UnsupportedFormat(f"an envelope of version {envelope[4]}")
    if len(envelope) < FIXED:
        raise Truncated("the header is not whole")
    suite, flags = envelope[5], envelope[6:8]
    if suite not in AEADS:
        raise UnsupportedFormat(f"suite {suite}")
    if flags != bytes(2):
        raise UnsupportedFormat(f"flags {flags.hex()}")
    # 2. Counts and lengths.
    count, context_size, size = struct.unpack(">HHI", envelope[8:FIXED])
    if not 1 <= count <= MOST_STANZAS:
        raise UnsupportedFormat(f"{count} recipients")
    if context_size > MOST_CONTEXT or size > MOST_HEADER:
        raise UnsupportedFormat("a length beyond its limit")
    # 3. The whole of it. A header that is too small for what it says may be refused for either
    # reason; the package looks at this one first.
    if len(envelope) < size:
        raise Truncated("the header is not whole")
    if size < FIXED + context_size + MAC:
        raise UnsupportedFormat("a length below its limit")
    octets, stanzas_begin = envelope[:size], FIXED + context_size
    encoded_context = octets[FIXED:stanzas_begin]
    return Header(
        octets,
        suite,
        read_context(encoded_context),
        encoded_context,
        read_stanzas(octets[stanzas_begin:-MAC], count),
    )


def read_context(octets: bytes) -> dict[str, bytes]:
    """Rule 4."""
    context: dict[str, bytes] = {}
    before, at = b"", 0
    while at < len(octets):
        key_end = at + 4 + number(octets[at : at + 2])
        value_end = key_end + number(octets[at + 2 : at + 4])
        if at + 4 > len(octets) or value_end > len(octets):
            raise UnsupportedFormat("an entry of the context runs beyond its end")
        key = octets[at + 4 : key_end]
        if context and key <= before:
            raise UnsupportedFormat("keys of the context are not in rising order")
        try:
            context[key.decode()] = octets[key_end:value_end]
        except UnicodeDecodeError as error:
            raise UnsupportedFormat("a key of the context is not UTF-8") from error
        before, at = key, value_end
    return context


def read_stanzas(octets: bytes, count: int) -> list[Stanza]:
    """Rules 5 to 7."""
    stanzas, at = [], 0
    for _ in range(count):
        body_begin = at + 12
        body_end = body_begin + number(octets[at + 2 : at + 4])
        if body_begin > len(octets) or body_end > len(octets):
            raise UnsupportedFormat("a stanza runs beyond the header")
        type_, body = number(octets[at : at + 2]), octets[body_begin:body_end]
        stanzas.append(Stanza(type_, octets[at + 4 : body_begin], body))
        at = body_end
    if at != len(octets):
        raise UnsupportedFormat("the stanzas do not fill the header")
    for stanza in stanzas:
        if stanza.type in BODY_SIZES and len(stanza.body) not in BODY_SIZES[stanza.type]:
            raise UnsupportedFormat(f"a stanza of type {stanza.type:#06x} with another length")
    named = [(stanza.type, stanza.key_id) for stanza in stanzas if stanza.key_id != ANONYMOUS]
    if len(set(named)) != len(named):
        raise UnsupportedFormat("a recipient is there twice")
    if len(stanzas) - len(named) > MOST_ANONYMOUS:
        raise UnsupportedFormat("too many anonymous recipients")
    return stanzas


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")
