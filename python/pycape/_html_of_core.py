"""What notebooks show of the compiled core's types: importing this gives them `_repr_html_`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from . import _core
from ._html import Html, Shown, box, code, folded, lines, milliseconds, size

_MICROSECONDS = 1_000_000


def _verified_attestation(verified: _core.VerifiedAttestation) -> str:
    return box(
        "Verified attestation",
        attestation_rows(verified),
        _registers(verified.pcrs),
        folded(f"chain of {len(verified.chain)} certificates", _chain(verified)),
        note="Every check of the document held.",
    )


def attestation_rows(verified: _core.VerifiedAttestation) -> dict[str, Shown]:
    """Return what an enclave proved, as the rows of a table."""
    return {
        "enclave": code(verified.module_id),
        "at": verified.timestamp,
        "release": "any code was accepted (insecure)"
        if verified.release is None
        else verified.release,
        "trust root": lines([verified.trust, code(verified.trust_root_digest)]),
        "vault": _hexadecimal(verified.vault),
        "challenge": "answered" if verified.nonce_checked else "any was accepted",
        "document": code(f"SHA-384 {verified.document_sha384}"),
    }


def _chain(verified: _core.VerifiedAttestation) -> dict[str, Shown]:
    return {
        f"{number}": lines([each.subject, f"{_day(each.not_before)} to {_day(each.not_after)}"])
        for number, each in enumerate(verified.chain, 1)
    }


def _unverified_attestation(claimed: _core.UnverifiedAttestation) -> str:
    rows: dict[str, Shown] = {
        "enclave": code(claimed.module_id),
        "at": claimed.timestamp,
        "challenge": _hexadecimal(claimed.nonce),
    }
    return box(
        "Unverified attestation",
        rows,
        _registers(claimed.pcrs),
        note="What the document claims. Nothing of it was checked.",
    )


def _registers(pcrs: Mapping[int, bytes]) -> Html:
    """Return the registers that are not all zero."""
    measured = {
        f"PCR{index}": code(value.hex()) for index, value in sorted(pcrs.items()) if any(value)
    }
    return folded(f"{len(measured)} measurements", measured)


def _verified_receipt(receipt: _core.VerifiedReceipt) -> str:
    """Its salts are not shown: who has them can try out what input and output were."""
    return box(
        "Verified receipt",
        receipt_rows(receipt),
        folded("attestation of the enclave that signed it", attestation_rows(receipt.attestation)),
        note="Every check of the receipt and of its attestation document held.",
    )


def _unverified_receipt(claimed: _core.UnverifiedReceipt) -> str:
    note = "What the receipt claims. Nothing of it was checked."
    return box("Unverified receipt", receipt_rows(claimed), note=note)


def receipt_rows(receipt: _core.ReceiptStatement) -> dict[str, Shown]:
    """Return what a receipt says, as the rows of a table."""
    return {
        "function": code(receipt.checksum),
        "outcome": receipt.outcome,
        "started": receipt.started,
        "took": milliseconds(receipt.duration_us / _MICROSECONDS),
        "number": receipt.sequence,
        "input": code(f"salted SHA-256 {receipt.input_digest}"),
        "ciphertext": _sha256(receipt.ciphertext_digest),
        "output": _salted(receipt.output_digest),
    }


def _envelope_header(header: _core.EnvelopeHeader) -> str:
    context = {name: _context_value(value) for name, value in header.context.items()}
    rows: dict[str, Shown] = {
        "version": header.version,
        "payload": header.suite,
        "recipients": lines(_recipient(each) for each in header.recipients),
        "plaintext": None if header.plaintext_size is None else size(header.plaintext_size),
        "envelope": size(header.size),
    }
    more = [folded(f"public context of {len(context)}", context)] if context else []
    return box("Envelope", rows, *more, note="Its header, which only a key can authenticate.")


def _recipient(stanza: _core.Stanza) -> Html:
    kind = stanza.kind or f"unknown, type {stanza.type}"
    named = code(stanza.key_id.hex()) if any(stanza.key_id) else "not told"
    return Html(" ".join(lines([part]) for part in (kind, named)))


def _context_value(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _manifest(manifest: _core.Manifest) -> str:
    rows: dict[str, Shown] = {
        "name": manifest.name,
        "version": manifest.version,
        "id": code(manifest.function_id),
        "checksum": code(manifest.checksum),
        "account": code(manifest.account),
        "handler": code(manifest.handler),
        "isolation": manifest.isolation,
        "limits": f"{manifest.memory_mib:,} MiB, {manifest.timeout_s:,} s",
        "made for": f"Python {manifest.python}, {manifest.platform}",
        "bundle": lines([size(manifest.bundle_size), code(f"SHA-256 {manifest.bundle_sha256}")]),
    }
    return box("Manifest", rows, note="Its account's signature holds.")


def _hexadecimal(octets: bytes | None) -> Html | None:
    return None if octets is None else code(octets.hex())


def _sha256(digest: str | None) -> Html | None:
    return None if digest is None else code(f"SHA-256 {digest}")


def _salted(digest: str | None) -> Html | None:
    return None if digest is None else code(f"salted SHA-256 {digest}")


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


_SHOWN: dict[type, Callable[[Any], str]] = {
    _core.EnvelopeHeader: _envelope_header,
    _core.Manifest: _manifest,
    _core.UnverifiedAttestation: _unverified_attestation,
    _core.UnverifiedReceipt: _unverified_receipt,
    _core.VerifiedAttestation: _verified_attestation,
    _core.VerifiedReceipt: _verified_receipt,
}

# Prose belongs where it is shown, and the core shows nothing.
for _kind, _as_html in _SHOWN.items():
    setattr(_kind, "_repr_html_", _as_html)  # noqa: B010 - mypy takes the core's classes for closed
