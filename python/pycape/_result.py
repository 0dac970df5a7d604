"""What a call yields beside its output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from . import _core
from ._html import Shown, box, code, folded, milliseconds, size
from ._html_of_core import attestation_rows, receipt_rows


@dataclass(frozen=True)
class Timing:
    """Seconds that each phase of a call took, by the caller's clock; 0 for one that was not needed.

    `place` asks the control plane for an enclave: 0 when one was known from before. `connect` opens
    the connection to it, `attest` waits for its document and judges it, `run` is the call itself.
    """

    place: float = 0.0
    connect: float = 0.0
    attest: float = 0.0
    run: float = 0.0


@dataclass(frozen=True)
class Result:
    """A call's output and what is known of how it came about.

    `verified` is what the enclave proved before anything was sent to it; `usage` is what it
    measured of the call (duration_us, cpu_us, peak_memory_bytes, cold); `checksum` is the
    function's, as the enclave was told to run it. `receipt` is what the enclave signed about this
    call, verified against what was sent and what came: `pycape.receipts` says how to keep it.
    """

    output: bytes = field(repr=False)
    checksum: str
    timing: Timing
    usage: Mapping[str, Any]
    verified: _core.VerifiedAttestation
    receipt: _core.VerifiedReceipt

    def _repr_html_(self) -> str:
        """Return what notebooks show: all but the output, which is confidential as a rule."""
        rows: dict[str, Shown] = {
            "output": f"{size(len(self.output))}, in .output",
            "function": code(self.checksum),
            "enclave": f"{self.verified.module_id}, proven before anything was sent",
            "timing": ", ".join(
                f"{phase} {milliseconds(seconds)}" for phase, seconds in asdict(self.timing).items()
            ),
        }
        return box(
            "Result",
            rows,
            folded("usage, as the enclave measured it", {**self.usage}),
            folded("attestation", attestation_rows(self.verified)),
            folded("receipt", receipt_rows(self.receipt)),
        )
