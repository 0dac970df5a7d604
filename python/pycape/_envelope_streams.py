"""Envelopes that are longer than memory, from one file object into another.

Spec: docs/spec/envelope.md, payload. Both directions hold two windows of `_WINDOW_CHUNKS` chunks,
or one and those of the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from . import _core
from ._arguments import only_progress
from ._buffer import Buffer, view
from ._byte_streams import Output, Reader, Sink, Source, Writer
from ._several import several_by_name
from .keys import PrivateKey, PublicKey

CHUNK = 16_384
SEALED_CHUNK = CHUNK + 16
# Bytes of the header's fixed part, which tells how long the rest is.
START = 16

# A window stays within the processor's cache, where it is read, sealed or opened, and written. It
# is less than a MiB: Linux takes up to four times as long to write whole ones into new files.
_WINDOW_CHUNKS = 63
WINDOW = _WINDOW_CHUNKS * CHUNK
SEALED_WINDOW = _WINDOW_CHUNKS * SEALED_CHUNK

Progress = Callable[[int], object]


def seal_stream(
    reader: Reader,
    writer: Writer,
    recipients: Sequence[PublicKey],
    *,
    context: Mapping[str, str] | None = None,
    aad: Buffer = b"",
    anonymous: bool = False,
    progress: Progress | None = None,
) -> int:
    """Seal everything that `reader` gives, in constant memory. `writer` gets the binary form.

    After an error, what was written is no envelope: it has no end, and opens as truncated. What the
    reader, the writer and `progress` raise is passed on.

    Args:
        reader: A binary file object, read to its end; `readinto` is used where it has one.
        writer: A binary file object. It must not keep what it is given: the memory is used again.
        recipients: 1 to 32 public keys; each alone opens it.
        context: As for `seal`.
        aad: As for `seal`.
        anonymous: As for `seal`.
        progress: Called after each window with the bytes read so far.

    Returns:
        The bytes written.

    Raises:
        TypeError: `reader` or `writer` is no binary file object, or as for `seal`.
        ValueError: `reader` or `writer` does not wait, or tells a wrong count, or as for `seal`.
        KeyInvalid: a key cannot be sealed for.
    """
    return seal_into_output(
        reader,
        Sink(writer, SEALED_WINDOW),
        recipients,
        context=several_by_name("context", context),
        aad=aad,
        anonymous=anonymous,
        progress=only_progress(progress),
    )


def open_stream(
    reader: Reader,
    writer: Writer,
    private_key: PrivateKey,
    *,
    aad: Buffer = b"",
    progress: Progress | None = None,
) -> int:
    """Open an envelope in binary form, in constant memory.

    **Whoever uses what was written before this returns uses a part of which only the end could tell
    that it is the whole.** Each chunk is written only after its tag holds, so that nothing altered
    is ever written; but when an error is raised, what was written is to be discarded.

    Args:
        reader: A binary file object, read to its end; `readinto` is used where it has one.
        writer: A binary file object. It must not keep what it is given: the memory is used again.
        private_key: A key that it was sealed for.
        aad: What was given when it was sealed.
        progress: Called after each window with the bytes read so far.

    Returns:
        The bytes written.

    Raises:
        TypeError: `reader` or `writer` is no binary file object.
        ValueError: `reader` or `writer` does not wait, or tells a wrong count.
        DecryptFailed: it is for another key, or was altered, or `aad` differs.
        Truncated: it ends too early.
        UnsupportedFormat: this is no envelope in binary form, of a known version, suite and flags.
    """
    output = Sink(writer, WINDOW)
    return open_into_output(reader, output, private_key, aad=aad, progress=only_progress(progress))


def change_recipients_stream(
    reader: Reader,
    writer: Writer,
    private_key: PrivateKey,
    *,
    add: Sequence[PublicKey] = (),
    remove: Sequence[PublicKey | bytes] = (),
    anonymous: bool = False,
    progress: Progress | None = None,
) -> int:
    """Copy an envelope in binary form with other recipients, in constant memory.

    The header is written anew, and the payload is copied as it is: whether that is whole and
    unaltered is not looked at. As for `change_recipients`, removing is no revocation.

    Args:
        reader: As for `open_stream`.
        writer: As for `open_stream`.
        private_key: The key of a recipient.
        add: As for `change_recipients`.
        remove: As for `change_recipients`.
        anonymous: As for `change_recipients`.
        progress: Called after each window with the bytes read so far.

    Returns:
        The bytes written.

    Raises:
        TypeError: as for `open_stream` and `change_recipients`.
        ValueError: as for `open_stream` and `change_recipients`.
        DecryptFailed: as for `change_recipients`.
        KeyInvalid: a key cannot be sealed for.
        Truncated: it ends within the header.
        UnsupportedFormat: as for `open_stream`.
    """
    only_progress(progress)
    source = Source(reader)
    header = read_head(source, _core.header_size)
    changed = _core.change_recipients(
        header, private_key, add, key_ids(remove), anonymous, header_only=True
    )
    output = Sink(writer, SEALED_WINDOW)
    written, read = output.put(memoryview(changed)), len(header)
    while filled := source.fill(place := output.place()):
        written += output.put(place[:filled])
        read = _tell(progress, read + filled)
    return written


def seal_into_output(
    reader: Reader,
    output: Output,
    recipients: Sequence[PublicKey],
    *,
    context: dict[str, str],
    aad: Buffer = b"",
    anonymous: bool,
    progress: Progress | None,
) -> int:
    """Seal as `seal_stream` does, into an output whose places hold `SEALED_WINDOW`."""
    source = Source(reader)
    sealer = _core.StreamSealer(recipients, context, view(aad, "aad"), anonymous)
    window = memoryview(bytearray(WINDOW))
    read, written = 0, output.put(memoryview(sealer.head))
    while (filled := source.fill(window)) == len(window):
        place = output.place()
        written += output.put(place[: sealer.seal(window, place)])
        read = _tell(progress, read + filled)
    place = output.place()
    written += output.put(place[: sealer.finish(window[:filled], place)])
    _tell(progress, read + filled)
    return written


def open_into_output(
    reader: Reader,
    output: Output,
    private_key: PrivateKey,
    *,
    aad: Buffer = b"",
    progress: Progress | None,
) -> int:
    """Open as `open_stream` does, into an output whose places hold `WINDOW`."""
    source = Source(reader)
    head = read_head(source, _core.head_size)
    opener = _core.StreamOpener(head, private_key, view(aad, "aad"))
    window = memoryview(bytearray(SEALED_WINDOW))
    read, written = len(head), 0
    while (filled := source.fill(window)) == len(window):
        place = output.place()
        written += output.put(place[: opener.open(window, place)])
        read = _tell(progress, read + filled)
    place = output.place()
    written += output.put(place[: opener.finish(window[:filled], place)])
    _tell(progress, read + filled)
    return written


def read_head(source: Source, size: Callable[[memoryview], int]) -> memoryview:
    """Return the beginning of an envelope, of which `size` tells the length; less at the end."""
    start = memoryview(bytearray(START))
    start = start[: source.fill(start)]
    head = memoryview(bytearray(size(start)))
    head[: len(start)] = start
    return head[: len(start) + source.fill(head[len(start) :])]


def key_ids(recipients: Iterable[PublicKey | bytes]) -> Iterator[bytes]:
    """Yield the key ids of recipients who are named by these or by their keys."""
    for each in recipients:
        yield each.key_id if isinstance(each, PublicKey) else bytes(view(each))


def _tell(progress: Progress | None, read: int) -> int:
    if progress is not None:
        progress(read)
    return read
