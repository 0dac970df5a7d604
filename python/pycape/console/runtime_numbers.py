"""What the runtime of this machine's platform counts: no contents, and no names.

Spec: docs/operate/metrics.md.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import httpx
from prometheus_client.openmetrics.parser import text_string_to_metric_families

_SECONDS = 2.0


@dataclass(frozen=True)
class RuntimeNumbers:
    """Counted since it started, or as it is now. `calls` are runs by what came of them."""

    calls: dict[str, int]
    running: int
    workers: int
    worker_slots: int
    connections: int
    attestations: int


async def numbers_of(url: str) -> RuntimeNumbers | None:
    """Ask a runtime; None where it does not answer, as while it is started again."""
    try:
        # Of this machine, and no proxy's business.
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as client:
            answer = await client.get(f"{url}/metrics")
            answer.raise_for_status()
    except httpx.HTTPError:
        return None
    return _read(answer.text)


def _read(text: str) -> RuntimeNumbers:
    sums: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            sums[sample.name] += int(sample.value)
            if sample.name == "cape_enclave_calls_total" and sample.labels["operation"] == "run":
                calls[sample.labels["outcome"]] += int(sample.value)
    return RuntimeNumbers(
        calls={outcome: count for outcome, count in sorted(calls.items()) if count},
        running=sums["cape_enclave_calls_running"],
        workers=sums["cape_enclave_workers"],
        worker_slots=sums["cape_enclave_worker_slots"],
        connections=sums["cape_enclave_connections"],
        attestations=sums["cape_enclave_attestations_total"],
    )
