"""An envelope in a file, read as if it were its plaintext. Spec: docs/spec/envelope.md, payload."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import index
from typing import BinaryIO

from . import _core
from ._buffer import Buffer, view
from ._byte_streams import Source
from ._envelope_streams import CHUNK, SEALED_CHUNK, read_head
from .errors import CryptoError, Truncated
from .keys import PrivateKey

# Chunks that are read at a time, as in streams.
_MOST_CHUNKS = 64


class EnvelopeReader(io.RawIOBase):
    """The plaintext of an envelope in binary form, to be read from any place: a file, read-only.

    The header is opened once. Reading then fetches and opens the chunks of 16 KiB that hold the
    range, and no others, so the file may be far larger than memory.

    What is proven: `context` is authentic. `size` is the plaintext's, since the last chunk is
    opened before it is told, and no other opens as the last. What a read returns is what was sealed
    at that place of this very envelope. Nothing is known of chunks that were not read: whether they
    are unaltered shows when they are.

    Calls may come from several threads: each waits for the one before, and is whole. `seek` and
    `read` are two calls, and lines are read by many; between them another thread may move the
    place. Whoever reads different places at once has a lock around both, or a reader each, with a
    file each.

    Args:
        file: A binary file object that can seek; the envelope is the whole of it. It stays open,
            and should not be used otherwise meanwhile.
        private_key: A key that it was sealed for.
        aad: What was given when it was sealed.

    Raises:
        TypeError: `file` is no binary file object.
        ValueError: `file` cannot seek, or tells a wrong count.
        DecryptFailed: it is for another key, or its header or last chunk was altered, or `aad`
            differs.
        Truncated: it ends too early.
        UnsupportedFormat: this is no envelope in binary form, of a known version, suite and flags.
    """

    def __init__(self, file: BinaryIO, private_key: PrivateKey, *, aad: Buffer = b"") -> None:
        self._lock = threading.RLock()
        self._in_use = False
        if not (hasattr(file, "seekable") and file.seekable()):
            raise ValueError("the file cannot seek, so it cannot be read from any place")
        self._file = file
        end = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = read_head(Source(file), _core.head_size)
        self._chunks_begin = len(head)
        chunks_size = end - len(head)
        last_begin = _core.last_chunk_start(chunks_size)
        last = memoryview(bytearray(chunks_size - last_begin))
        self._fetch(last_begin, last)
        self._payload = _core.RandomAccess(head, private_key, view(aad, "aad"), chunks_size, last)
        self._position = 0
        # The chunk of which a part was wanted last; what is read next is often in it.
        self._kept_index = -1
        self._kept = memoryview(bytearray(CHUNK))
        self._sealed = memoryview(bytearray(_MOST_CHUNKS * SEALED_CHUNK))

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"at {self._position:,}"
        return f"<{type(self).__name__} of {self._payload.size:,} bytes, {state}>"

    @property
    def size(self) -> int:
        """Bytes of the plaintext."""
        return self._payload.size

    @property
    def context(self) -> Mapping[str, bytes]:
        """The encryption context, authentic."""
        return self._payload.context

    def readable(self) -> bool:
        """Return True.

        Raises:
            ValueError: it was closed.
        """
        self._check_open()
        return True

    def seekable(self) -> bool:
        """Return True.

        Raises:
            ValueError: it was closed.
        """
        self._check_open()
        return True

    def tell(self) -> int:
        """Return the place in the plaintext from which is read next.

        Raises:
            ValueError: it was closed.
        """
        with self._one_call():
            return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place in the plaintext, beyond its end too; return it.

        Raises:
            ValueError: the place is before the beginning, or it was closed.
        """
        offset = index(offset)
        with self._one_call():
            begins = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}
            if whence not in begins:
                raise ValueError(f"whence is 0, 1 or 2, not {whence!r}")
            position = begins[whence] + offset
            if position < 0:
                raise ValueError(f"the place {position} is before the beginning")
            self._position = position
            return position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next `size` bytes, fewer at the end; without a size, all that remain.

        Raises:
            DecryptFailed: a chunk was altered.
            Truncated: the file became shorter.
            CryptoError: there is no memory for the result.
            ValueError: it was closed.
        """
        most = None if size is None else index(size)
        with self._one_call():
            remaining = self._remaining()
            wanted = remaining if most is None or most < 0 else min(most, remaining)
            data = _room(wanted)
            with data.getbuffer() as target:
                self._fill(target)
        return data.getvalue()

    def readall(self) -> bytes:
        """Return all bytes that remain.

        Raises:
            DecryptFailed: a chunk was altered.
            Truncated: the file became shorter.
            CryptoError: there is no memory for the result.
            ValueError: it was closed.
        """
        return self.read()

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill `buffer`, but at the end of the plaintext; return the bytes written to it.

        Raises:
            TypeError: `buffer` cannot be written to.
            DecryptFailed: a chunk was altered.
            Truncated: the file became shorter.
            ValueError: it was closed.
        """
        target = view(buffer, "buffer")
        with self._one_call():
            target = target[: min(len(target), self._remaining())]
            self._fill(target)
        return len(target)

    def close(self) -> None:
        """Refuse every later call; the file stays open. One that runs is waited for."""
        if hasattr(self, "_lock"):  # Python closes also what could not be made.
            with self._alone():
                super().close()

    def _fill(self, target: memoryview) -> None:
        """Fill `target` with what comes next, of which there has to be so much."""
        done = 0
        while done < len(target):
            done += self._read_some(self._position + done, target[done:])
        self._position += done

    def _read_some(self, position: int, target: memoryview) -> int:
        """Write the first bytes of `target`: whole chunks straight there, or a part of one."""
        chunk, offset = divmod(position, CHUNK)
        chunks = min(len(target) // CHUNK, _MOST_CHUNKS)
        if offset == 0 and chunks:
            self._open(chunk, self._sealed[: chunks * SEALED_CHUNK], target)
            return chunks * CHUNK
        part = self._opened(chunk)[offset : offset + len(target)]
        target[: len(part)] = part
        return len(part)

    def _opened(self, chunk: int) -> memoryview:
        """Return the plaintext of one chunk, which is kept until another is wanted."""
        size = min(CHUNK, self.size - chunk * CHUNK)
        if self._kept_index != chunk:
            self._kept_index = -1
            self._open(chunk, self._sealed[: size + SEALED_CHUNK - CHUNK], self._kept)
            self._kept_index = chunk
        return self._kept[:size]

    def _open(self, chunk: int, sealed: memoryview, target: memoryview) -> None:
        self._fetch(chunk * SEALED_CHUNK, sealed)
        self._payload.open(chunk, sealed, target)

    def _fetch(self, begin: int, sealed: memoryview) -> None:
        self._file.seek(self._chunks_begin + begin)
        if Source(self._file).fill(sealed) < len(sealed):
            raise Truncated("the file became shorter while it was read")

    def _remaining(self) -> int:
        return max(0, self.size - self._position)

    @contextmanager
    def _one_call(self) -> Iterator[None]:
        """Lend the state to a call of a reader that is open."""
        with self._alone():
            self._check_open()
            yield

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the reader was closed")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Have other threads wait; a call inside another, as of a signal's handler, cannot."""
        with self._lock:
            if self._in_use:
                raise RuntimeError("a call of this reader is not at its end, in this very thread")
            self._in_use = True
            try:
                yield
            finally:
                self._in_use = False


def _room(size: int) -> io.BytesIO:
    """Return that many bytes to be written; their value is then no copy of them.

    Raises:
        CryptoError: there is no memory for them.
    """
    try:
        return io.BytesIO(bytes(size))
    except MemoryError as error:
        words = f"there is no memory for {size} bytes"
        raise CryptoError(words, details={"bytes": str(size)}) from error
