"""Measurements, and the table of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from .harness import Sample
from .targets import Target, TimeAtMost, Verdict, verdict
from .units import Unit, formatted

# Of fewer laps a 95th percentile would be the slowest.
_LAPS_OF_A_TAIL = 20


@dataclass(frozen=True)
class Comparison:
    """A measurement beside a peer, or beside a limit. Without a target it has no verdict."""

    peer: str
    sample: Sample | None
    target: Target | None = None

    def ratio(self, ours: Sample) -> float | None:
        """Return ours to the peer's: of times where the target is one of time, else of speeds."""
        if self.sample is None:
            return None
        times = ours.median / self.sample.median
        return times if isinstance(self.target, TimeAtMost) else 1 / times

    def verdict(self, ours: Sample) -> Verdict | None:
        """Return how the target was met."""
        peer = None if self.sample is None else self.sample.median
        return verdict(self.target, ours.median, peer)


@dataclass(frozen=True)
class PeerCost:
    """What a plain call takes of processors, in seconds."""

    client: float
    server: float


@dataclass(frozen=True)
class Cost:
    """What a call takes of processors, in seconds, and the memory of the enclave's supervisor.

    The enclave's is its supervisor's; workers are all processes below it (see `costs.Spent`).
    """

    client: float
    enclave: float
    workers: float
    memory: int
    peer: PeerCost | None = None

    def lines(self) -> Iterator[str]:
        """Return its lines of the table."""
        client, enclave, workers = (
            formatted(it, "seconds") for it in (self.client, self.enclave, self.workers)
        )
        yield f"  CPU of client {client}, enclave {enclave}, workers {workers}"
        line = f"  memory of enclave {formatted(self.memory, 'bytes')}"
        if self.peer is not None:
            client, server = (
                formatted(it, "seconds") for it in (self.peer.client, self.peer.server)
            )
            line += f"; CPU of plain client {client}, server {server}"
        yield line


@dataclass(frozen=True)
class Measurement:
    """What was measured. `size` is the bytes of one lap, for units of bytes a second."""

    name: str
    sample: Sample
    comparisons: tuple[Comparison, ...] = ()
    unit: Unit = "seconds"
    size: int = 0
    cost: Cost | None = None

    def lines(self) -> Iterator[str]:
        """Return its lines of the table, at most 80 columns wide."""
        yield f"{self.name:<38}{self._shown(self.sample):>12}  {self._tail()}".rstrip()
        if self.cost is not None:
            yield from self.cost.lines()
        for comparison in self.comparisons:
            sample, ratio = comparison.sample, comparison.ratio(self.sample)
            peer = "" if sample is None else self._shown(sample)
            times = "" if ratio is None else f"{ratio:.2f}"
            target = "" if comparison.target is None else str(comparison.target)
            judged = comparison.verdict(self.sample) or ""
            yield f"  {comparison.peer:<36}{peer:>12}{times:>6}  {target:<14}{judged:>8}".rstrip()

    def as_json(self) -> dict[str, Any]:
        """Return all of it; what is so much a second, as the seconds of a lap."""
        return {
            "name": self.name,
            "unit": self.unit,
            "size": self.size,
            **_statistics(self.sample),
            **({} if self.cost is None else {"cost": asdict(self.cost)}),
            "comparisons": [
                {
                    "peer": comparison.peer,
                    **({} if comparison.sample is None else _statistics(comparison.sample)),
                    "ratio": comparison.ratio(self.sample),
                    "target": None if comparison.target is None else str(comparison.target),
                    "verdict": comparison.verdict(self.sample),
                }
                for comparison in self.comparisons
            ],
        }

    def _shown(self, sample: Sample) -> str:
        return formatted(sample.median, self.unit, self.size)

    def _tail(self) -> str:
        """Where the slow laps are, which matters for what somebody waits for.

        Of what is so much a second these are lower than the median; the unit is shown once.
        """
        if self.unit == "bytes" or len(self.sample) < _LAPS_OF_A_TAIL:
            return ""
        high, highest = (
            formatted(self.sample.percentile(p), self.unit, self.size) for p in (95, 99)
        )
        if self.unit != "seconds":
            high = high.split()[0]
        return f"p95 {high}  p99 {highest}"


def heading(suite: str) -> str:
    """Return the line above a suite's measurements."""
    return f"\n{suite.upper():<38}{'median':>12}{'ratio':>7}  target"


def _statistics(sample: Sample) -> dict[str, float]:
    return {
        "laps": len(sample),
        "median": sample.median,
        "p95": sample.percentile(95),
        "p99": sample.percentile(99),
        "spread": sample.spread,
    }
