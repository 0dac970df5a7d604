"""Envelopes: data sealed for keys. Useful with a platform and without one.

`seal` and `open` take what fits into memory, `seal_stream` and `open_stream` what does not, and
`EnvelopeReader` reads any part of an envelope in a file. Spec: docs/spec/envelope.md.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from . import _core, _html_of_core  # noqa: F401 - notebooks show what is returned here
from ._buffer import Buffer, view
from ._byte_streams import Reader, Writer
from ._checksum import only_checksum
from ._clock import show_time
from ._core import EnvelopeHeader, Stanza
from ._envelope_reader import EnvelopeReader
from ._envelope_streams import change_recipients_stream, key_ids, open_stream, seal_stream
from ._several import several, several_by_name
from .keys import PrivateKey, PublicKey

__all__ = [
    "EnvelopeHeader",
    "EnvelopeReader",
    "Reader",
    "Stanza",
    "Writer",
    "change_recipients",
    "change_recipients_stream",
    "inspect",
    "open",
    "open_stream",
    "seal",
    "seal_into",
    "seal_stream",
    "sealed_size",
    "use_rules",
]


def seal(
    data: Buffer,
    recipients: Sequence[PublicKey],
    *,
    context: Mapping[str, str] | None = None,
    aad: Buffer = b"",
    anonymous: bool = False,
    format: Literal["v1", "v2"] = "v2",  # noqa: A002 - it is the format's name
) -> bytes:
    """Seal `data` for one or several keys.

    Args:
        data: Any contiguous buffer.
        recipients: 1 to 32 public keys; each alone opens it.
        context: Public, authenticated pairs of text; at most 4096 bytes in all.
        aad: External data that must be given again to open; not part of the result.
        anonymous: Do not tell whose keys they are, at most 4: who opens has to try. An enclave
            tries a few of its keys only, so name an account's.
        format: "v1" for what the first system reads: one RSA key, no context, no `aad`, and no
            protection against quantum computers. Enclaves of this system do not open it.

    Returns:
        The text form: `b"cape:2:..."`, or `b"cape:..."` of version 1.

    Raises:
        TypeError: `data` or `aad` is text, or no contiguous buffer; a recipient is no public key.
        ValueError: too many recipients, or none, or a context over its limits, or what `format`
            does not have.
        KeyInvalid: a key cannot be sealed for.
        CryptoError: there is no memory for the result.
    """
    pairs = several_by_name("context", context)
    if format == "v2":
        return _core.seal(
            view(data, "data"),
            recipients,
            pairs,
            view(aad, "aad"),
            anonymous,
        )
    if format != "v1":
        raise ValueError(f'format is "v1" or "v2", not {format!r}')
    recipients = several("recipients", recipients)
    if len(recipients) != 1 or pairs or view(aad, "aad") or anonymous:
        raise ValueError("version 1 has one recipient, who is never told, no context and no aad")
    return _core.seal_version_one(view(data, "data"), recipients[0])


def seal_into(
    data: Buffer,
    recipients: Sequence[PublicKey],
    buffer: Buffer,
    *,
    context: Mapping[str, str] | None = None,
    aad: Buffer = b"",
    anonymous: bool = False,
) -> int:
    """Seal into a buffer of yours, which may be used again: the fastest way for large data.

    Args:
        data: Any contiguous buffer; it must not overlap `buffer`.
        recipients: 1 to 32 public keys.
        buffer: A writable, contiguous buffer of at least `sealed_size(...)` bytes. Nobody else may
            write to it meanwhile: what stands in it is what is authenticated.
        context: As for `seal`.
        aad: As for `seal`; it must not overlap `buffer` either.
        anonymous: As for `seal`.

    Returns:
        The bytes written; they are the binary form.

    Raises:
        TypeError: `buffer` cannot be written to, or as for `seal`.
        ValueError: `buffer` is too small or overlaps what is read, or as for `seal`.
        KeyInvalid: a key cannot be sealed for.
    """
    pairs = several_by_name("context", context)
    return _core.seal_into(
        view(data, "data"),
        recipients,
        view(buffer, "buffer"),
        pairs,
        view(aad, "aad"),
        anonymous,
    )


def sealed_size(
    size: int, recipients: Sequence[PublicKey], *, context: Mapping[str, str] | None = None
) -> int:
    """Return how many bytes the binary form of `size` bytes of data has.

    Raises:
        TypeError: `size` is no number, or as for `seal`.
        ValueError: no data has that size, or as for `seal`.
    """
    if not isinstance(size, int):
        raise TypeError(f"size is a number of bytes, not {type(size).__name__}")
    if not 0 <= size <= sys.maxsize:
        raise ValueError(f"no data has a size of {size} bytes")
    return _core.sealed_size(size, recipients, several_by_name("context", context))


def open(  # noqa: A001 - `envelope.open` is how it reads
    data: Buffer, private_key: PrivateKey, *, aad: Buffer = b""
) -> bytes:
    """Open an envelope in text or binary form.

    Args:
        data: Any contiguous buffer, also an `mmap.mmap` of a file that others write to: what comes
            out was authenticated.
        private_key: A key that it was sealed for; an RSA key opens version 1 too.
        aad: What was given when it was sealed.

    Returns:
        The data, whole and authenticated.

    Raises:
        TypeError: `data` or `aad` is text, or no contiguous buffer.
        DecryptFailed: it is for another key, or was altered, or `aad` differs.
        Truncated: it ends too early.
        UnsupportedFormat: the version, suite or flags are not known.
        CryptoError: there is no memory for the result.
    """
    return _core.open(view(data, "data"), private_key, view(aad, "aad"))


def change_recipients(
    data: Buffer,
    private_key: PrivateKey,
    *,
    add: Sequence[PublicKey] = (),
    remove: Sequence[PublicKey | bytes] = (),
    anonymous: bool = False,
) -> bytes:
    """Return an envelope for other recipients; its header is written anew, its payload stays.

    **Removing a recipient is no revocation**: they have known what opens the payload, and may have
    kept it, or a copy of the envelope. To take access away, seal again.

    Args:
        data: The envelope, in text or binary form.
        private_key: The key of a recipient, of those who are removed too.
        add: Public keys that shall open it; none that is told there already. Whether it is one of
            the anonymous recipients is not looked for.
        remove: Public keys that shall not, or their key ids, 8 bytes, as `inspect` shows them.
            Anonymous recipients cannot be removed. This is done before anyone is added.
        anonymous: Do not tell whose keys are added; at most 4 recipients are not told.

    Returns:
        The envelope in the form that it had.

    Raises:
        TypeError: `data` is text, or no contiguous buffer; what is added or removed is no key.
        ValueError: nobody would be left, or more than 32; the key id of one that is added is there
            already, or of one that is removed is not.
        DecryptFailed: `private_key` is no recipient's, or the header was altered.
        KeyInvalid: a key cannot be sealed for.
        Truncated: it ends within the header.
        UnsupportedFormat: this is no envelope of version 2.
        CryptoError: there is no memory for the result.
    """
    return _core.change_recipients(
        view(data, "data"),
        private_key,
        add,
        key_ids(remove),
        anonymous,
        header_only=False,
    )


def inspect(data: Buffer) -> EnvelopeHeader:
    """Return what the header says; without a key nothing of it is authenticated.

    Of a large file, `data` can be an `mmap.mmap`: no more than the header is read.

    Raises:
        UnsupportedFormat: this is no envelope of a known version.
    """
    return _core.inspect_envelope(view(data, "data"))


def use_rules(
    *, functions: Sequence[str] | None = None, not_after: datetime | None = None
) -> dict[str, str]:
    """Return the context that restricts what an enclave may do with an envelope.

    Args:
        functions: Checksums (64 lower-case hexadecimal digits) of the only functions that may open
            it.
        not_after: The last moment at which an enclave opens it; aware, to the second. Whoever
            holds a private key of their own opens it later too.

    Raises:
        TypeError: `functions` is one text and no list of texts, or `not_after` is no datetime.
        ValueError: `functions` is empty or has what is no checksum, or `not_after` has no time
            zone, no date in UTC, or is before 1970.
    """
    rules = {}
    if functions is not None:
        checksums = {only_checksum(each) for each in several("functions", functions)}
        if not checksums:
            raise ValueError("a rule that names no function would forbid every use")
        rules["cape.functions"] = " ".join(sorted(checksums))
    if not_after is not None:
        rules["cape.not_after"] = show_time(_in_utc(not_after))
    return rules


def _in_utc(moment: datetime) -> datetime:
    if not isinstance(moment, datetime):
        raise TypeError(f"not_after is a datetime, not {type(moment).__name__}")
    if moment.tzinfo is None:
        raise ValueError("not_after needs a time zone, for example datetime.now(timezone.utc)")
    try:
        time = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"not_after is {moment}, which is no date in UTC") from error
    if time < datetime(1970, 1, 1, tzinfo=UTC):
        raise ValueError(f"not_after is {time.isoformat()}: 1970 or later is wanted")
    return time
