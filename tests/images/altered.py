"""Images with ramdisks that no `cape image build` makes: by hand, entry by entry."""

import struct
import zlib
from pathlib import Path

from pycape import images

_TYPES = {"kernel": 1, "command_line": 2, "ramdisk": 3, "signature": 4, "metadata": 5}
_FIRST = 548


def entry(name, content=b"", *, mode=0o100644, inode=0, links=1):
    """An entry of a cpio in the form `newc`."""
    name = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return _padded(head) + _padded(content)


def directory(name):
    return entry(name, mode=0o040755, links=2)


def symlink(name, target):
    return entry(name, target.encode(), mode=0o120777)


def archive(*entries):
    return b"".join(entries) + entry("TRAILER!!!", mode=0)


def ramdisks_of(path):
    """The ramdisks of an image, as bytes."""
    data = Path(path).read_bytes()
    return [data[each.offset : each.offset + each.size] for each in images.read(path).ramdisks]


def with_ramdisks(path, output, ramdisks):
    """Write an image that has all that another one has but its ramdisks, and return it."""
    data = Path(path).read_bytes()
    sections = [
        (_TYPES[each.kind], data[each.offset : each.offset + each.size])
        for each in images.read(path).sections
        if each.kind != "ramdisk"
    ]
    sections += [(_TYPES["ramdisk"], ramdisk) for ramdisk in ramdisks]
    offsets, sizes, body = [0] * 32, [0] * 32, b""
    for index, (kind, content) in enumerate(sections):
        offsets[index], sizes[index] = _FIRST + len(body), len(content)
        body += struct.pack(">HHQ", kind, 0, len(content)) + content
    head = data[:24] + struct.pack(">HH32Q32QI", 0, len(sections), *offsets, *sizes, 0)
    checksum = zlib.crc32(body, zlib.crc32(head))
    Path(output).write_bytes(head + struct.pack(">I", checksum) + body)
    return images.read(output)


def _padded(data):
    return data + bytes(-len(data) % 4)
