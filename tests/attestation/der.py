"""DER by hand: also what a careful library would never write."""

from datetime import datetime

SEQUENCE, SET = 0x30, 0x31
BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
PRINTABLE_STRING, UTC_TIME, GENERALIZED_TIME = 0x13, 0x17, 0x18
EXPLICIT_0, EXPLICIT_3 = 0xA0, 0xA3
TRUE = bytes([BOOLEAN, 1, 0xFF])

COMMON_NAME = "2.5.4.3"
BASIC_CONSTRAINTS, KEY_USAGE = "2.5.29.19", "2.5.29.15"
ECDSA_WITH_SHA384 = "1.2.840.10045.4.3.3"


def tlv(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def integer(value: int) -> bytes:
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def bits(content: bytes, unused: int = 0) -> bytes:
    return tlv(BIT_STRING, bytes([unused]), content)


def identifier(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in [first * 40 + second, *rest]:
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        content += bytes(reversed(groups))
    return tlv(OID, content)


def name(common_name: str) -> bytes:
    value = tlv(PRINTABLE_STRING, common_name.encode())
    return tlv(SEQUENCE, tlv(SET, tlv(SEQUENCE, identifier(COMMON_NAME), value)))


def time(moment: datetime) -> bytes:
    return tlv(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())


def extension(kind: str, value: bytes, *, critical: bool = True) -> bytes:
    octets = tlv(OCTET_STRING, value)
    return tlv(SEQUENCE, identifier(kind), TRUE if critical else b"", octets)


def basic_constraints(*, authority: bool, path_length: int | None = None) -> bytes:
    length = b"" if path_length is None else integer(path_length)
    return extension(BASIC_CONSTRAINTS, tlv(SEQUENCE, TRUE if authority else b"", length))


def key_usage(bit: int) -> bytes:
    """Return the extension with one named bit: 0 digitalSignature, 5 keyCertSign."""
    return extension(KEY_USAGE, bits(bytes([0x80 >> bit]), 7 - bit))
