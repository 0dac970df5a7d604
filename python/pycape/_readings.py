"""What becomes of an enclave's last word in a call: an answer, or an error to be raised."""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from . import _core, errors

T_co = TypeVar("T_co", covariant=True)

# Spec: docs/spec/session.md, OPEN.
NONCE_BYTES = 32


class Reading(Protocol[T_co]):
    """How the end of a call is read."""

    def success(self, event: _core.EndEvent, output: bytes) -> T_co:
        """Return the answer; `output` is whole."""

    def failure(self, event: _core.ErrorEvent) -> errors.CapeError:
        """Return the error that the call failed with."""


@dataclass(frozen=True)
class Answer:
    """What an enclave answered to one call, whole and authenticated."""

    public_key: _core.AccountKey | None
    description: _core.Description | None


class PlainReading:
    """The end of a call that runs no function."""

    def success(self, event: _core.EndEvent, output: bytes) -> Answer:  # noqa: ARG002 - none
        """Return what the enclave answered."""
        return Answer(event.account_key, event.description)

    def failure(self, event: _core.ErrorEvent) -> errors.CapeError:
        """Return the error that it named."""
        return errors.from_wire(event.name, event.message, event.details)


@dataclass(frozen=True)
class RunAnswer:
    """What came of a run: its output, whole and authenticated, and the receipt if one was wanted.

    `usage` has what the enclave measured: duration_us, cpu_us, peak_memory_bytes, cold.
    """

    output: bytes
    usage: Mapping[str, Any]
    receipt: _core.VerifiedReceipt | None = None

    @property
    def proof(self) -> _core.VerifiedReceipt:
        """The receipt, of a run that asked for one.

        Raises:
            ReceiptInvalid: there is none.
        """
        if self.receipt is None:
            raise errors.ReceiptInvalid("there is no receipt of the run", reason="missing")
        return self.receipt


class OutputReading:
    """The end of a run of which no receipt is wanted: its session vouches for it to the caller."""

    call_nonce = None

    def success(self, event: _core.EndEvent, output: bytes) -> RunAnswer:
        """Return what came of the run."""
        return RunAnswer(output, event.usage)

    def failure(self, event: _core.ErrorEvent) -> errors.CapeError:
        """Return the error that it named."""
        return errors.from_wire(event.name, event.message, event.details)


class ReceiptReading(ABC):
    """The end of a run of which there has to be a receipt that holds.

    Spec: docs/spec/receipt.md, what a client checks.
    """

    def success(self, event: _core.EndEvent, output: bytes) -> RunAnswer:
        """Return what came of the run; of a stream `output` is what was kept of it.

        Raises:
            ReceiptInvalid: there is no receipt, or it is not this run's.
        """
        if event.receipt is None:
            raise errors.ReceiptInvalid("the enclave gave no receipt of the run", reason="missing")
        return RunAnswer(output, event.usage, self._verify(event, output=output, error=None))

    def failure(self, event: _core.ErrorEvent) -> errors.CapeError:
        """Return the error that it named, with the receipt if the handler had begun.

        Raises:
            ReceiptInvalid: there is a receipt, and it is not this run's.
        """
        error = errors.from_wire(event.name, event.message, event.details)
        if event.receipt is not None:
            error.receipt = self._verify(event, output=None, error=event.name)
        return error

    def _verify(
        self, event: _core.EndEvent | _core.ErrorEvent, *, output: bytes | None, error: str | None
    ) -> _core.VerifiedReceipt:
        if event.receipt is None or event.receipt_key is None or event.salts is None:
            raise errors.ReceiptInvalid(
                "the enclave gave a receipt without its key or its salts", reason="incomplete"
            )
        proof = Proof(event.receipt, event.receipt_key, event.salts, event.input_taken)
        return self._verify_proof(proof, output=output, error=error)

    @abstractmethod
    def _verify_proof(
        self, proof: Proof, *, output: bytes | None, error: str | None
    ) -> _core.VerifiedReceipt:
        """Verify that the receipt is this run's."""


@dataclass(frozen=True)
class Proof:
    """A receipt, and what comes beside it."""

    receipt: bytes
    key: bytes
    salts: bytes
    input_taken: int | None


@dataclass(frozen=True)
class RunReading(ReceiptReading):
    """The end of a run of a function on `data`.

    `after` is the number of the last receipt that the session has had. The nonce is drawn for this
    run alone: no older receipt can pass for its.
    """

    session: _core.ClientSession
    checksum: bytes
    data: memoryview
    after: int
    call_nonce: bytes = field(default_factory=lambda: secrets.token_bytes(NONCE_BYTES))

    def _verify_proof(
        self, proof: Proof, *, output: bytes | None, error: str | None
    ) -> _core.VerifiedReceipt:
        return self.session.verify_receipt(
            proof.receipt,
            proof.key,
            proof.salts,
            checksum=self.checksum,
            call_nonce=self.call_nonce,
            after=self.after,
            input=self.data,
            output=output,
            error=error,
        )
