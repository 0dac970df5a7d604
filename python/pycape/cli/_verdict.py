"""What came of judging an attestation document, or a receipt, for a command to tell."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from pycape import _core
from pycape._clock import show_time
from pycape._evidence import Check
from pycape._strangers import one_line
from pycape._user_data import user_data_says
from pycape.cli import _isolation
from pycape.cli._text import LINE, fields, hanging, measurements, wrapped

_NAME_WIDTH = 24
_MARK_WIDTH = 6

# Spec: docs/spec/session.md, times.
_NOTABLE_MS = 5_000
_TOLERABLE_MS = 60_000

GENUINE = "a genuine enclave, running approved code"
DEVELOPMENT = "development: a root of somebody's own vouches for this enclave, not AWS"

_MARKS = {True: "held", False: "FAILED", None: "-"}


@dataclass(frozen=True)
class Verdict:
    """An enclave that was approved, by what, and what it says of itself.

    `subject` is where the document came from, `description` None where there was only a document.
    `receipt` is the run that it vouches for, if it was judged for one.
    """

    subject: str
    verified: _core.VerifiedAttestation
    checks: list[Check]
    description: _core.Description | None
    receipt: _core.ReceiptStatement | None = None

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        verified = self.verified
        return {
            "subject": self.subject,
            "trust": verified.trust,
            "trust_root": verified.trust_root_digest,
            **claims_as_json(verified),
            "release": verified.release,
            "vault": _hex(verified.vault),
            "nonce_checked": verified.nonce_checked,
            "user_data_says": user_data_says(verified),
            "chain": [
                {
                    "subject": certificate.subject,
                    "not_before": show_time(certificate.not_before),
                    "not_after": show_time(certificate.not_after),
                }
                for certificate in verified.chain
            ],
            "document_sha384": verified.document_sha384,
            "checks": [asdict(check) for check in self.checks],
            "runtime": self._runtime_as_json(),
            "receipt": None if self.receipt is None else receipt_as_json(self.receipt),
        }

    @property
    def insecure(self) -> str | None:
        """The warning that belongs above everything else, if there is one."""
        runtime = None if self.description is None else self.description.runtime
        return None if runtime is None else _isolation.insecure(runtime.isolation)

    @property
    def clock(self) -> str | None:
        """How the enclave's clock agrees with its security module's, where that is known."""
        ahead = self._clock_ahead_ms()
        return None if ahead is None else _agreement(ahead)

    def as_text(self) -> str:
        """Return all of it for a person, at a terminal of 80 columns."""
        verified = self.verified
        development = f"\n{DEVELOPMENT}" if verified.trust == "development" else ""
        what = GENUINE if self.receipt is None else "a receipt of an approved enclave"
        insecure = self.insecure
        parts = [
            hanging(f"{self.subject}: {what}") + development,
            "" if insecure is None else hanging(insecure),
            "" if self.receipt is None else f"the run\n{receipt_as_text(self.receipt)}",
            as_rows(self.checks),
            self._chain(),
            hanging(f"measurements of {verified.module_id}")
            + f"\n{measurements(verified.pcrs, '  ')}",
            self._carried(),
            self._runtime(),
        ]
        return "\n\n".join(part for part in parts if part)

    def _chain(self) -> str:
        rows = [
            f"{hanging(certificate.subject, '  ')}\n"
            f"    {show_time(certificate.not_before)} to {show_time(certificate.not_after)}"
            for certificate in self.verified.chain
        ]
        return "\n".join(("certificates, from the root to the enclave's", *rows))

    def _carried(self) -> str:
        """Return what the enclave had put into its document."""
        verified = self.verified
        carried = {
            "nonce": _hex(verified.nonce),
            "public key": _hex(verified.public_key),
            "user data": _hex(verified.user_data),
        }
        rows = [(name, "none" if value is None else value) for name, value in carried.items()]
        said = (user_data_says(verified) or {}).items()
        rows += [(f"  {name}", str(value)) for name, value in said]
        return f"what the document carries\n{_rows(rows)}"

    def _runtime(self) -> str:
        runtime = None if self.description is None else self.description.runtime
        if runtime is None:
            return ""
        about = {
            "version": runtime.version,
            "mode": runtime.mode,
            "functions": f"Python {runtime.python}, {runtime.platform}",
            "vault in": ", ".join(runtime.vault_backends),
        }
        if self.clock is not None:
            about["clock"] = self.clock
        return (
            f"the runtime\n{textwrap.indent(fields(about), '  ')}\n\n"
            f"{_isolation.as_text(runtime.isolation)}"
        )

    def _runtime_as_json(self) -> dict[str, Any] | None:
        runtime = None if self.description is None else self.description.runtime
        if runtime is None:
            return None
        return {
            "version": runtime.version,
            "mode": runtime.mode,
            "python": runtime.python,
            "platform": runtime.platform,
            "vault_backends": runtime.vault_backends,
            "clock_ahead_ms": self._clock_ahead_ms(),
            "isolation": _isolation.as_json(runtime.isolation),
        }

    def _clock_ahead_ms(self) -> int | None:
        """Return how far the enclave's clock is ahead of its security module's."""
        state = self.description
        if state is None or state.clock_ms is None or state.module_clock_ms is None:
            return None
        return state.clock_ms - state.module_clock_ms


def _agreement(ahead_ms: int) -> str:
    if abs(ahead_ms) <= _NOTABLE_MS:
        return "agrees with its security module's"
    seconds, side = round(abs(ahead_ms) / 1000), "ahead of" if ahead_ms > 0 else "behind"
    judges = ": it judges nothing" if abs(ahead_ms) > _TOLERABLE_MS else ""
    return f"{seconds} s {side} its security module's{judges}"


def claims_as_json(
    document: _core.VerifiedAttestation | _core.UnverifiedAttestation,
) -> dict[str, Any]:
    """Return what a document says, for programs."""
    return {
        "module_id": document.module_id,
        "timestamp": show_time(document.timestamp),
        "nonce": _hex(document.nonce),
        "public_key": _hex(document.public_key),
        "user_data": _hex(document.user_data),
        "pcrs": {str(index): value.hex() for index, value in document.pcrs.items()},
    }


def receipt_as_json(receipt: _core.ReceiptStatement) -> dict[str, Any]:
    """Return what a receipt states, for programs."""
    return {
        "checksum": receipt.checksum,
        "outcome": receipt.outcome,
        "started": show_time(receipt.started),
        "duration_us": receipt.duration_us,
        "input_digest": receipt.input_digest,
        "output_digest": receipt.output_digest,
        "ciphertext_digest": receipt.ciphertext_digest,
        "call_nonce": receipt.call_nonce,
        "sequence": receipt.sequence,
        "session": receipt.session,
        "document_sha384": receipt.document_sha384,
    }


def receipt_as_text(receipt: _core.ReceiptStatement) -> str:
    """Return what a receipt states, for a person."""
    stated = {
        "function": receipt.checksum,
        "outcome": receipt.outcome,
        "started": show_time(receipt.started),
        "duration": f"{receipt.duration_us / 1000:,.1f} ms",
        "input": receipt.input_digest,
        "output": receipt.output_digest,
        "ciphertext": receipt.ciphertext_digest,
        "call": receipt.call_nonce,
        "session": receipt.session,
        "number": receipt.sequence,
    }
    return textwrap.indent(fields(stated), "  ")


def _hex(octets: bytes | None) -> str | None:
    return None if octets is None else octets.hex()


def as_rows(checks: list[Check]) -> str:
    """Return a line or more for each check: whether it held, its name, its evidence."""
    return _rows(
        (f"{_MARKS[check.held]:{_MARK_WIDTH}}  {check.name}", check.evidence) for check in checks
    )


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    """Return two columns; what does not fit beside a name is below it."""
    rows = [(one_line(name), one_line(value)) for name, value in rows]
    fitting = [len(name) for name, _ in rows if len(name) <= _NAME_WIDTH]
    indent = 2 + max(fitting, default=_MARK_WIDTH) + 2
    lines = []
    for name, value in rows:
        folded = wrapped(value, LINE - indent)
        first = f"  {name}".ljust(indent)
        if len(name) <= _NAME_WIDTH and folded:
            first += folded.pop(0)
        lines += [first.rstrip(), *(" " * indent + line for line in folded)]
    return "\n".join(lines)
