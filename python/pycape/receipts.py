"""Receipts: what an enclave signed about one run, to be shown to others later.

`Result.receipt` and the `receipt` of an error are verified already. `to_bytes()` of one is a file
that anybody can verify who has a policy; `salts` are needed besides to compare data with it.

Spec: docs/spec/receipt.md.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from . import _core, _html_of_core  # noqa: F401 - notebooks show what is returned here
from ._buffer import Buffer, view
from ._checksum import only_checksum
from ._clock import milliseconds, now_ms
from ._core import UnverifiedReceipt, VerifiedReceipt
from ._envelope_text import begins_as_binary, envelope_as_text
from .attestation import TrustRoots
from .errors import Truncated, UnsupportedFormat
from .policy import Policy

__all__ = [
    "UnverifiedReceipt",
    "VerifiedReceipt",
    "inspect",
    "verify",
]

_CALL_NONCE_SIZE = 32


def verify(
    file: Buffer,
    *,
    policy: Policy,
    trust_roots: TrustRoots | None = None,
    now: datetime | None = None,
    salts: Buffer | None = None,
    checksum: str | None = None,
    call_nonce: Buffer | None = None,
    input: Buffer | None = None,  # noqa: A002 - what it is called everywhere else
    output: Buffer | None = None,
) -> VerifiedReceipt:
    """Judge a receipt that was kept: its attestation document at its own time, then the receipt.

    Args:
        file: What `VerifiedReceipt.to_bytes` gave, at most 36 KiB.
        policy: The releases to accept; one that names the vault.
        trust_roots: Where the document's chain may end; AWS's own by default.
        now: The time that the document may not be after, aware; the clock by default.
        salts: What `VerifiedReceipt.salts` gave; needed to compare `input` and `output`.
        checksum: 64 lower-case hexadecimal digits: the function that has to have run.
        call_nonce: The 32 bytes that the call was named by.
        input: What was passed to `Cape.run` or `Cape.call`. Of a ciphertext, in text or binary
            form, no salts are needed; with salts, what was in it may be given as well, which is
            what the handler was given.
        output: What the handler returned.

    Returns:
        What the enclave proved about the run.

    Raises:
        AttestationError: one of its kinds for each check of the document.
        ReceiptInvalid: the receipt does not hold; `reason` names the check.
        TypeError: an argument is of another type.
        ValueError: `now` has no time zone or is before 1970, `checksum` is none, or `call_nonce`
            is not of 32 bytes.
    """
    return _core.verify_receipt_file(
        view(file, "file"),
        policy,
        TrustRoots.aws() if trust_roots is None else trust_roots,
        now_ms() if now is None else milliseconds(now),
        None if salts is None else view(salts, "salts"),
        None if checksum is None else only_checksum(checksum),
        None if call_nonce is None else _call_nonce(view(call_nonce, "call_nonce")),
        None if input is None else _as_sent(view(input, "input"), file, salts is not None),
        None if output is None else view(output, "output"),
    )


def inspect(file: Buffer) -> UnverifiedReceipt:
    """Return what a receipt claims without judging it; the type says `Unverified`.

    Raises:
        ReceiptInvalid: the file or the receipt breaks a rule of form.
        TypeError: `file` is no buffer.
    """
    return _core.inspect_receipt_file(view(file, "file"))


def _call_nonce(octets: memoryview) -> bytes:
    if len(octets) != _CALL_NONCE_SIZE:
        raise ValueError(f"a call nonce has {_CALL_NONCE_SIZE} bytes, not {len(octets)}")
    return bytes(octets)


def _as_sent(data: memoryview, file: Buffer, has_salts: bool) -> memoryview:
    """Return an input as the receipt is about it: of an envelope in binary form its text.

    Unless it is what was in another, and so what the handler was given, which salts tell.
    """
    sent = inspect(file).ciphertext_digest if begins_as_binary(data) else None
    if sent is None:
        return data
    try:
        text = envelope_as_text(data)
    except (Truncated, UnsupportedFormat):
        return data
    return data if has_salts and hashlib.sha256(text).hexdigest() != sent else text
