"""What a receipt proved, check by check, each with what one sees it by.

The core makes the checks, in this order, the document's before the receipt's own, and there is no
`VerifiedReceipt` unless all of them held. Spec: docs/spec/receipt.md, verification.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from . import _core, errors
from ._evidence import Check, checks, checks_until
from ._refused_documents import parts_of_receipt_file

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
_UNASKED = {
    "function": "nobody asked",
    "call": "nobody asked",
    "output": "was not compared with any",
    "input": "was not compared with any",
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
    evidence = _evidence(verified, verified.key)
    unasked = asked.unasked()
    return [
        _form(verified.receipt),
        *of_document,
        *(
            Check(name, None, _UNASKED[name])
            if name in unasked
            else Check(name, name != "document" or _is_of_its_document(verified), evidence[name])
            for name in _REASONS
        ),
    ]


def receipt_checks_until(
    error: errors.AttestationError,
    file: bytes,
    asked: Asked,
    *,
    policy: _core.Policy,
    trust_roots: _core.TrustRoots,
) -> list[Check]:
    """Return the checks of a receipt that was refused: those before, the one that did not hold.

    Empty for an error that is of no one check.
    """
    parts = parts_of_receipt_file(file)
    of_receipt = list(_REASONS)
    if not isinstance(error, errors.ReceiptInvalid):
        of_document = checks_until(
            error,
            None if parts is None else parts.document,
            policy=policy,
            trust_roots=trust_roots,
            now=None,
            any_nonce=True,
        )
        after = [Check(name, None, "not reached") for name in of_receipt]
        form = Check(_FORM, True, "") if parts is None else _form(parts.receipt)
        return [form, *of_document, *after] if of_document else []
    failed = _failed(error)
    if failed is None or parts is None:
        return [form_refused(error)]
    position = of_receipt.index(failed)
    unasked = asked.unasked()
    evidence = _evidence(_core.inspect_receipt_file(file), parts.key)
    return [
        _form(parts.receipt),
        Check("attestation document", True, "every check of it"),
        *(
            Check(name, None, _UNASKED[name])
            if name in unasked
            else Check(name, True, evidence[name])
            for name in of_receipt[:position]
        ),
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


def _form(receipt: bytes) -> Check:
    return Check(_FORM, True, f"COSE_Sign1 with ES384, {len(receipt)} bytes")


def _evidence(claimed: _core.ReceiptStatement, key: bytes) -> dict[str, str]:
    """Return by what one sees of each check that it held."""
    digest = hashlib.sha256(key).hexdigest()
    return {
        "receipt key": f"SHA-256 {digest[:_SHOWN]}..., as the document vouches for",
        "its signature": f"by that key, its number {claimed.sequence}",
        "document": f"SHA-384 {claimed.document_sha384[:_SHOWN]}..., as the receipt says",
        "time": "the run began while the document stood for its enclave",
        "function": f"{claimed.checksum[:_SHOWN]}..., as asked",
        "call": "its nonce is the caller's",
        "output": "has the digest, with its salt",
        "input": _input(claimed),
    }


def _is_of_its_document(verified: _core.VerifiedReceipt) -> bool:
    return verified.document_sha384 == verified.attestation.document_sha384


def _input(claimed: _core.ReceiptStatement) -> str:
    if claimed.ciphertext_digest is None:
        return "has the digest, with its salt"
    return "has the digest of the ciphertext, or of what was in it"
