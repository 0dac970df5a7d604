"""Zips of functions."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import IO, TYPE_CHECKING, cast

from pycape.cli._inspect import _algorithms
from pycape.cli._inspect._explanation import Explanation

if TYPE_CHECKING:
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings

_BEGINS = (b"PK\x03\x04", b"PK\x05\x06")
_LARGEST = 10

# The end record of a zip, and in it the size of the directory (APPNOTE.TXT, 4.3.16).
_END = b"PK\x05\x06"
_MOST_END = 22 + 0xFFFF
_MOST_DIRECTORY = 32 << 20


def explain_bundle(source: Source, _surroundings: Surroundings) -> Explanation | None:
    """Tell of a zip whether it is a function, and what is in it."""
    if not source.data[:4].startswith(_BEGINS) or not source.whole:
        return None
    try:
        files = _files(source)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        return None
    if not any(file.filename.endswith(".py") and "/" not in file.filename for file in files):
        return None
    largest = sorted(files, key=lambda file: -file.file_size)[:_LARGEST]
    return Explanation(
        "bundle",
        "a zip with a Python module at its top: a function's bundle, or what could be one",
        None,
        {
            "size": source.size,
            "files": len(files),
            "unpacked_size": sum(file.file_size for file in files),
            "compressed": any(file.compress_type != zipfile.ZIP_STORED for file in files),
            "largest": {file.filename: file.file_size for file in largest},
        },
        [
            "`cape deploy FILE` deploys it, `cape package FILE` checks and packs it. What an "
            "enclave runs is named by the digest of bytes like these: `cape function verify FILE "
            "FUNCTION` tells whether it is this.",
            _algorithms.SHA_256,
        ],
    )


def _files(source: Source) -> list[zipfile.ZipInfo]:
    """Return what the directory of a zip lists, unless that is too large."""
    start = max(0, source.size - _MOST_END)
    end = source.data[start:].rfind(_END)
    if end < 0 or struct.unpack_from("<I", source.data, start + end + 12)[0] > _MOST_DIRECTORY:
        raise zipfile.BadZipFile
    data = source.data
    file = io.BytesIO(data) if isinstance(data, bytes) else cast("IO[bytes]", data)
    with zipfile.ZipFile(file) as opened:
        return [file for file in opened.infolist() if not file.is_dir()]
