"""A bundle on its way to an enclave: in pieces, and compressed where that pays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from . import _core
from ._address import is_loopback

if TYPE_CHECKING:
    from .packaging._progress import Report

# Bytes of a bundle that are read at a time.
_CHUNK = 1 << 20

# What a bundle is judged by: so many pieces of it, evenly far apart, of so many bytes.
_SAMPLES = 16
_SAMPLE = 64 << 10


def pays(bundle: BinaryIO, size: int, url: str) -> bool:
    """Tell whether a bundle of `size` bytes is to be compressed on its way to an enclave.

    Not within this machine, whose memory is faster than any compressor; and not where a sample
    says that there is little to gain.
    """
    return not is_loopback(url) and _core.Compressor.pays(_sample(bundle, size))


def pieces(bundle: BinaryIO, size: int, report: Report) -> Iterator[bytes]:
    """Yield a bundle from its beginning, and report each piece once the next one is wanted."""
    from .packaging import Progress  # noqa: PLC0415 - heavy; whoever has a bundle has loaded it

    bundle.seek(0)
    done = 0
    report(Progress("upload", done, size))
    while piece := bundle.read(_CHUNK):
        yield piece
        done += len(piece)
        report(Progress("upload", done, size))


def compressed(content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the one zstd stream of what comes. Memory does not grow with it."""
    compressor = _core.Compressor()
    for piece in content:
        if stream := compressor.compress(piece):
            yield stream
    yield compressor.finish()


def _sample(bundle: BinaryIO, size: int) -> bytes:
    apart = max(-(-size // _SAMPLES), _SAMPLE)
    parts = []
    for start in range(0, size, apart):
        bundle.seek(start)
        parts.append(bundle.read(_SAMPLE))
    return b"".join(parts)
