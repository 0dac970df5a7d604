"""What a receipt proved, check by check, each with what one sees it by.

The core makes the checks, in this order, the document's before the receipt's own, and there is no
`VerifiedReceipt` unless all of them held. Spec: docs/spec/receipt.md, verification.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from . import _core, errors
from ._evidence import Check, checks, checks_until

_SHOWN = 16

# The order of the checks, and the reasons of `ReceiptInvalid` that say that one did not hold.
# Those of the form come before the document's; they are the reasons that are not named here.
_FORM = "receipt"
_REASONS: dict[str, set[str]] = {
    "receipt key": {"key", "key_malformed", "use"},
    "its signature": {"signature"},
    "document": {"document"},
    "time": {"started"},
    "function": {"function"},
    "call": {"call_nonce"},
    "output": {"outcome", "output"},
    "input": {"ciphertext", "input"},
}


@dataclass(frozen=True)
class Asked:
    """What a verifier compared with a receipt, beside what is always looked at."""

    function: bool
    call: bool
    output: bool
    input: bool

    def unasked(self) -> set[str]:
        """Return the names of the checks that nobody asked for."""
        return {name for name, asked in vars(self).items() if not asked}


def receipt_checks(
    verified: _core.VerifiedReceipt,
    asked: Asked,
    *,
    policy: _core.Policy,
    trust_roots: _core.TrustRoots,
) -> list[Check]:
    """Return the evidence for each check of a receipt that holds."""
    of_document = checks(verified.attestation, policy=policy, trust_roots=trust_roots, now=None)
    return [_form(verified), *of_document, *_checks(verified, asked)]


def receipt_checks_until(
    error: errors.AttestationError, asked: Asked, *, policy: _core.Policy
) -> list[Check]:
    """Return the checks of a receipt that was refused: those before, the one that did not hold.

    Empty for an error that is of no one check.
    """
    of_receipt = list(_REASONS)
    if not isinstance(error, errors.ReceiptInvalid):
        of_document = checks_until(error, policy=policy, any_nonce=True)
        after = [Check(name, None, "not reached") for name in of_receipt] if of_document else []
        return [Check(_FORM, True, ""), *of_document, *after] if of_document else []
    failed = _failed(error)
    if failed is None:
        return [form_refused(error)]
    position = of_receipt.index(failed)
    unasked = asked.unasked()
    return [
        Check(_FORM, True, ""),
        Check("attestation document", True, "every check of it"),
        *(Check(name, None if name in unasked else True, "") for name in of_receipt[:position]),
        Check(failed, False, str(error)),
        *(Check(name, None, "not reached") for name in of_receipt[position + 1 :]),
    ]


def form_refused(error: errors.ReceiptInvalid) -> Check:
    """Return the check of the form of what is no receipt, and so the only one that was made."""
    return Check(_FORM, False, str(error))


def _failed(error: errors.ReceiptInvalid) -> str | None:
    if error.reason == "salt":
        return error.details.get("salt")
    return next((name for name, reasons in _REASONS.items() if error.reason in reasons), None)


def _form(verified: _core.VerifiedReceipt) -> Check:
    return Check(_FORM, True, f"COSE_Sign1 with ES384, {len(verified.receipt)} bytes")


def _checks(verified: _core.VerifiedReceipt, asked: Asked) -> Iterator[Check]:
    key = hashlib.sha256(verified.key).hexdigest()
    yield Check("receipt key", True, f"SHA-256 {key[:_SHOWN]}..., as the document vouches for")
    yield Check("its signature", True, f"by that key, its number {verified.sequence}")
    document = verified.attestation.document_sha384
    yield Check(
        "document",
        verified.document_sha384 == document,
        f"SHA-384 {document[:_SHOWN]}..., as the receipt says",
    )
    yield Check("time", True, "the run began while the document stood for its enclave")
    yield _compared(
        "function", asked.function, f"{verified.checksum[:_SHOWN]}..., as asked", "nobody asked"
    )
    yield _compared("call", asked.call, "its nonce is the caller's", "nobody asked")
    yield _compared(
        "output", asked.output, "has the digest, with its salt", "was not compared with any"
    )
    yield _compared("input", asked.input, _input(verified), "was not compared with any")


def _input(verified: _core.VerifiedReceipt) -> str:
    if verified.ciphertext_digest is None:
        return "has the digest, with its salt"
    return "has the digest of the ciphertext, or of what was in it"


def _compared(name: str, asked: bool, evidence: str, otherwise: str) -> Check:
    return Check(name, True if asked else None, evidence if asked else otherwise)
