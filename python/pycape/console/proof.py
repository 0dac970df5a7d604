"""An enclave's proof, judged now: the same checks, with the same evidence, as `cape attest`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pycape._evidence import Check, approving_release, checks, checks_until
from pycape.cli._verdict import DEVELOPMENT, Verdict
from pycape.console.told import Told, told
from pycape.errors import AttestationError

if TYPE_CHECKING:
    from pycape._core import Policy
    from pycape.console.pages import Pages


@dataclass(frozen=True)
class Register:
    """A PCR: what was measured, what the policy's release has there, and whether they are one.

    All zero is what nothing was measured into. `expected` is None where the policy leaves it open.
    """

    index: int
    value: str
    expected: str | None

    @property
    def fits(self) -> bool | None:
        """Whether it is as expected; None where nothing is."""
        return None if self.expected is None else self.value == self.expected


@dataclass(frozen=True)
class Proof:
    """What came of it: a verdict in full, or the refusal with the checks up to it.

    `verdict` is what `cape attest --json` has, `warnings` what belongs above everything else.
    """

    asked: datetime
    checks: list[Check]
    refusal: Told | None = None
    verdict: dict[str, Any] | None = None
    warnings: list[str] = field(default_factory=list)
    clock: str | None = None
    registers: list[Register] = field(default_factory=list)

    @property
    def held(self) -> int:
        """How many checks held."""
        return sum(check.held is True for check in self.checks)


async def prove(pages: Pages) -> Proof:
    """Ask an enclave of the platform for its proof.

    Raises:
        PolicyRequired: no policy says which enclaves to trust.
        TransportError, ServiceError: there is no enclave to ask.
    """
    platform = pages.cape._platform
    policy, trust_roots = platform.policy(), platform.trust_roots
    try:
        verified, description = await pages.cape.attest()
    except AttestationError as error:
        now = datetime.now(UTC)
        until = checks_until(error, error.document, policy=policy, trust_roots=trust_roots, now=now)
        return Proof(now, until, refusal=told(error))
    now = datetime.now(UTC)
    evidence = checks(verified, policy=policy, trust_roots=trust_roots, now=now)
    verdict = Verdict(platform.config.require_url(), verified, evidence, description)
    development = DEVELOPMENT if verified.trust == "development" else None
    return Proof(
        now,
        evidence,
        verdict=verdict.as_json(),
        warnings=[each for each in (development, verdict.insecure) if each is not None],
        clock=verdict.clock,
        registers=_registers(verified, policy),
    )


def _registers(verified: Any, policy: Policy) -> list[Register]:
    release = approving_release(verified, policy)
    expected = {} if release is None else release.pcrs
    return [
        Register(index, value.hex(), expected[index].hex() if index in expected else None)
        for index, value in sorted(verified.pcrs.items())
        if any(value) or index in expected
    ]
