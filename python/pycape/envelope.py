"""Envelopes: data sealed for keys. Useful with a platform and without one.

Spec: docs/spec/envelope.md.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from . import _core
from ._buffer import Buffer, view
from ._core import EnvelopeHeader
from .keys import PrivateKey, PublicKey

__all__ = [
    "EnvelopeHeader",
    "inspect",
    "open",
    "seal",
    "seal_into",
    "sealed_size",
    "use_rules",
]


def seal(
    data: Buffer,
    recipients: Sequence[PublicKey],
    *,
    context: Mapping[str, str] | None = None,
    aad: Buffer = b"",
) -> bytes:
    """Seal `data` for one or several keys.

    Args:
        data: Any contiguous buffer.
        recipients: 1 to 32 public keys; each alone opens it.
        context: Public, authenticated pairs of text; at most 4096 bytes in all.
        aad: External data that must be given again to open; not part of the result.

    Returns:
        The text form: `b"cape:2:..."`.

    Raises:
        TypeError: `data` or `aad` is text, or no contiguous buffer; a recipient is no public key.
        ValueError: too many recipients, or none, or a context over its limits.
        KeyInvalid: a key cannot be sealed for.
    """
    return _core.seal(view(data), list(recipients), dict(context or {}), view(aad))


def seal_into(
    data: Buffer,
    recipients: Sequence[PublicKey],
    buffer: Buffer,
    *,
    context: Mapping[str, str] | None = None,
    aad: Buffer = b"",
) -> int:
    """Seal into a buffer of yours, which may be used again: the fastest way for large data.

    Args:
        data: Any contiguous buffer; it must not overlap `buffer`.
        recipients: 1 to 32 public keys.
        buffer: A writable, contiguous buffer of at least `sealed_size(...)` bytes.
        context: As for `seal`.
        aad: As for `seal`.

    Returns:
        The bytes written; they are the binary form.

    Raises:
        TypeError: `buffer` cannot be written to, or as for `seal`.
        ValueError: `buffer` is too small, or as for `seal`.
        KeyInvalid: a key cannot be sealed for.
    """
    target = view(buffer)
    return _core.seal_into(view(data), list(recipients), target, dict(context or {}), view(aad))


def sealed_size(
    size: int, recipients: Sequence[PublicKey], *, context: Mapping[str, str] | None = None
) -> int:
    """Return how many bytes the binary form of `size` bytes of data has.

    Raises:
        ValueError: no data has that size, or as for `seal`.
    """
    if not 0 <= size <= sys.maxsize:
        raise ValueError(f"no data has a size of {size} bytes")
    return _core.sealed_size(size, list(recipients), dict(context or {}))


def open(  # noqa: A001 - `envelope.open` is how it reads
    data: Buffer, private_key: PrivateKey, *, aad: Buffer = b""
) -> bytes:
    """Open an envelope in text or binary form.

    Args:
        data: Any contiguous buffer.
        private_key: A key that it was sealed for.
        aad: What was given when it was sealed.

    Returns:
        The data, whole and authenticated.

    Raises:
        TypeError: `data` or `aad` is text, or no contiguous buffer.
        DecryptFailed: it is for another key, or was altered, or `aad` differs.
        Truncated: it ends too early.
        UnsupportedFormat: the version, suite or flags are not known.
    """
    return _core.open(view(data), private_key, view(aad))


def inspect(data: Buffer) -> EnvelopeHeader:
    """Return what the header says; without a key nothing of it is authenticated.

    Raises:
        UnsupportedFormat: this is no envelope of a known version.
    """
    return _core.inspect_envelope(view(data))


def use_rules(
    *, functions: Sequence[str] | None = None, not_after: datetime | None = None
) -> dict[str, str]:
    """Return the context that restricts what an enclave may do with an envelope.

    Args:
        functions: Checksums (64 hexadecimal digits) of the only functions that may open it.
        not_after: The last moment at which it may be opened; aware, to the second.

    Raises:
        TypeError: `functions` is one text and no list, or `not_after` is no datetime.
        ValueError: `functions` is empty, or `not_after` has no time zone or no date in UTC.
    """
    rules = {}
    if functions is not None:
        if isinstance(functions, str):
            raise TypeError("functions is a list, also for one: [...]")
        if not functions:
            raise ValueError("a rule that names no function would forbid every use")
        rules["cape.functions"] = " ".join(sorted(set(functions)))
    if not_after is not None:
        rules["cape.not_after"] = _in_utc(not_after).strftime("%Y-%m-%dT%H:%M:%SZ")
    return rules


def _in_utc(moment: datetime) -> datetime:
    if not isinstance(moment, datetime):
        raise TypeError(f"not_after is a datetime, not {type(moment).__name__}")
    if moment.tzinfo is None:
        raise ValueError("not_after needs a time zone, for example datetime.now(timezone.utc)")
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"not_after is {moment}, which is no date in UTC") from error
