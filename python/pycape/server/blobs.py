"""Where runtimes keep what must survive them: sealed bundles and manifests.

A blob is opaque here. Its name is lower-case hex that the runtime derives from its place
(docs/spec/blobs.md), and its content is sealed and bound to that name, so the store needs no
authentication: it can lose a blob, but not read, swap or alter one unseen.
"""

import asyncio
import errno
import fcntl
import os
import re
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

import obstore
from obstore.store import LocalStore

from pycape._files import flush

MAX_NAME_DIGITS = 128
MAX_BLOB_BYTES = 2**30 + 2**24  # a bundle of 1 GiB, and what sealing adds
BUNDLE_KIND = 1
MANIFEST_KIND = 2

_NAME = re.compile(f"[0-9a-f]{{1,{MAX_NAME_DIGITS}}}")
_INCOMING = "incoming"
_CHUNK_BYTES = 2**20
_PROBE_BYTES = 4096

# A file that somebody else has removed; NFS says the second of one that is open here.
_GONE = {errno.ENOENT, errno.ESTALE}


class BlobName(str):
    """A blob's name, whose form `blob_name` has seen."""

    __slots__ = ()


def blob_name(text: str) -> BlobName:
    """Parse a blob's name; `ValueError` for anything but 1 to 128 lower-case hex digits."""
    if not _NAME.fullmatch(text):
        raise ValueError(f"not a blob name (1 to {MAX_NAME_DIGITS} lower-case hex digits)")
    return BlobName(text)


def function_blob(kind: int, checksum: str) -> BlobName:
    """Name a function's blob: hex(u8 kind || checksum); docs/spec/trust.md, sealed blobs."""
    return blob_name(f"{kind:02x}{checksum}")


class Blobs(Protocol):
    """A store of blobs. A name that is readable has its whole content."""

    async def put(self, name: BlobName, content: AsyncIterator[bytes]) -> None:
        """Store or replace a blob. It is durable on return; nothing is left if `content` fails.

        Raises `OSError` when it cannot be stored.
        """

    async def get(self, name: BlobName) -> tuple[int, AsyncIterator[bytes]] | None:
        """Open a blob: its size in bytes, and its content."""

    async def names(self, prefix: str) -> list[BlobName]:
        """List the names that begin with `prefix`, sorted."""

    def exists(self, name: BlobName) -> bool:
        """Tell whether there is such a blob. Blocks."""

    def delete(self, name: BlobName) -> None:
        """Remove a blob; none there is no error. Blocks."""

    def check(self) -> None:
        """Raise `OSError` when nothing can be stored. Blocks."""


class FolderBlobs:
    """Blobs as files of one folder, which processes of several machines may have in common.

    What one of them is writing it has locked, so whoever starts knows what a killed one has left.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / _INCOMING
        self._store = LocalStore(folder, mkdir=True)
        self._clear_incoming()

    async def put(self, name: BlobName, content: AsyncIterator[bytes]) -> None:
        """Write beside the blobs, flush to the disk, then rename: never a half blob by its name."""
        with self._new_file() as file:
            await _write(file, content)
            await asyncio.to_thread(_publish, file, self._folder / name)

    async def get(self, name: BlobName) -> tuple[int, AsyncIterator[bytes]] | None:
        """Open a blob; one that is replaced meanwhile is still read as it was."""
        try:
            result = await obstore.get_async(self._store, name)
        except FileNotFoundError:
            return None
        return result.meta["size"], _bytes(result.stream(min_chunk_size=_CHUNK_BYTES))

    async def names(self, prefix: str) -> list[BlobName]:
        """List the folder."""
        listed = await obstore.list_with_delimiter_async(self._store)
        paths = (entry["path"] for entry in listed["objects"])
        return sorted(
            BlobName(path) for path in paths if path.startswith(prefix) and _NAME.fullmatch(path)
        )

    def exists(self, name: BlobName) -> bool:
        """Look for the file."""
        return (self._folder / name).is_file()

    def delete(self, name: BlobName) -> None:
        """Remove the file, durably."""
        (self._folder / name).unlink(missing_ok=True)
        flush(self._folder)

    def check(self) -> None:
        """Write a file that takes room, flush it to the disk, and remove it."""
        with self._new_file() as probe:
            probe.write(bytes(_PROBE_BYTES))
            probe.flush()
            os.fsync(probe.fileno())

    @contextmanager
    def _new_file(self) -> Iterator[BinaryIO]:
        """Lend a file to write, locked; it is gone afterwards, unless it was renamed."""
        file = _create_locked(self._incoming)
        try:
            with file:
                yield file
        finally:
            Path(file.name).unlink(missing_ok=True)

    def _clear_incoming(self) -> None:
        """Remove what killed processes were writing; what others write now is locked."""
        self._incoming.mkdir(exist_ok=True)
        for path in self._incoming.iterdir():
            try:
                with path.open("r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink(missing_ok=True)
            except BlockingIOError:
                continue
            except OSError as error:
                if error.errno not in _GONE:
                    raise


def _create_locked(folder: Path) -> BinaryIO:
    while True:
        file = (folder / uuid.uuid4().hex).open("xb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _has_a_name(file):
                return file
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            file.close()
            raise
        # Another process has just started, and took it for one that was left.
        file.close()


def _has_a_name(file: BinaryIO) -> bool:
    try:
        return os.fstat(file.fileno()).st_nlink > 0
    except OSError as error:
        if error.errno not in _GONE:
            raise
        return False


async def _write(file: BinaryIO, content: AsyncIterator[bytes]) -> None:
    """Write on a thread, while the next bytes come."""
    loop = asyncio.get_running_loop()
    writing: asyncio.Future[None] | None = None
    pieces: list[bytes] = []
    size = 0
    try:
        async for piece in content:
            pieces.append(piece)
            size += len(piece)
            if size >= _CHUNK_BYTES:
                if writing is not None:
                    await writing
                writing = loop.run_in_executor(None, _append, file, pieces)
                pieces, size = [], 0
    finally:
        if writing is not None:
            await writing
    await asyncio.to_thread(_append, file, pieces)


def _append(file: BinaryIO, pieces: list[bytes]) -> None:
    start = file.tell()
    file.writelines(pieces)
    file.flush()
    # Linux begins to write out what it is told that nobody needs: little is left for the end.
    os.posix_fadvise(file.fileno(), start, file.tell() - start, os.POSIX_FADV_DONTNEED)


async def _bytes(chunks: "obstore.BytesStream") -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield bytes(chunk)


def _publish(file: BinaryIO, path: Path) -> None:
    os.fsync(file.fileno())
    Path(file.name).replace(path)
    flush(path.parent)
