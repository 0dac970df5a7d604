"""The deterministic zip (docs/spec/bundle.md).

Entries are stored, so that no compressor's version shows; sorted by the bytes of their
names; dated 1980-01-01; and their mode follows from their content alone, since neither
umask nor every file system keeps one.
"""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from typing import TYPE_CHECKING

from pycape.errors import PackagingError
from pycape.packaging._progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from pycape.packaging._files import File
    from pycape.packaging._progress import Report

_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_STARTS_OF_PROGRAMS = (b"\x7fELF", b"#!")


def write_zip(files: Sequence[File], archive: Path, report: Report) -> dict[str, str]:
    """Write `files` to `archive`, which must not exist. Memory does not grow with them.

    Returns the SHA-256 of what was written of each file that was not fetched, by its name: whoever
    remembers what became of it must not read it a second time, when it may have changed.

    Raises PackagingError if a file is not what it was when it was collected.
    """
    total = sum(file.size for file in files)
    done = 0
    contents = {}
    with _Zip(archive, "x", zipfile.ZIP_STORED) as opened:
        for file in sorted(files, key=lambda file: file.name.encode()):
            report(Progress("write", done, total))
            digest = _add(opened, file)
            if digest is not None:
                contents[file.name] = digest
            done += file.size
    report(Progress("write", done, total))
    return contents


def sha256_of(archive: Path) -> str:
    """SHA-256 of a file, in lower-case hex."""
    with archive.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


class _Zip(zipfile.ZipFile):
    """A zip that can be closed where Ctrl-C came while an entry was being opened.

    `zipfile` takes that one for open, and refuses in place of KeyboardInterrupt.
    """

    def close(self) -> None:
        self._writing = False
        super().close()


def _add(opened: zipfile.ZipFile, file: File) -> str | None:
    digest = None if file.fetched else hashlib.sha256()
    entry = zipfile.ZipInfo(file.name, _EPOCH)
    entry.create_system = _UNIX
    entry.file_size = file.size  # zip64 if, and only if, this needs it
    with _unchanged(file) as source:
        chunk = source.read(_CHUNK)
        mode = 0o755 if chunk.startswith(_STARTS_OF_PROGRAMS) else 0o644
        entry.external_attr = (stat.S_IFREG | mode) << 16
        written = 0
        with opened.open(entry, "w") as sink:
            while chunk:
                written += len(chunk)
                if written > file.size:
                    break
                sink.write(chunk)
                if digest is not None:
                    digest.update(chunk)
                chunk = source.read(_CHUNK)
    if written != file.size:
        raise _changed(file)
    return None if digest is None else digest.hexdigest()


def _unchanged(file: File) -> BinaryIO:
    """Open a collected file, unless something else has taken its place."""
    opened = file.path.open("rb")
    found = os.fstat(opened.fileno())
    if not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
        opened.close()
        raise _changed(file)
    return opened


def _changed(file: File) -> PackagingError:
    return PackagingError(f"{file.name} changed while it was packaged", hint="try again")
