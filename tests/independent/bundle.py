"""A function's files as one zip, to the byte. docs/spec/bundle.md, bytes."""

import io
import zipfile
from collections.abc import Mapping

EXECUTABLE, PLAIN = 0o100755, 0o100644
FIRST_DAY = (1980, 1, 1, 0, 0, 0)
UNIX = 3


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the bundle of these files, by their paths."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files, key=str.encode):
            entry = zipfile.ZipInfo(name, FIRST_DAY)
            entry.create_system = UNIX
            is_program = files[name].startswith((b"\x7fELF", b"#!"))
            entry.external_attr = (EXECUTABLE if is_program else PLAIN) << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()
