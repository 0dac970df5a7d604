"""Writes the tables of docs/performance.md, and its plots, from the results of a run.

`python -m benches.page benches/results/....json` keeps the results beside the page as well, so that
everybody can see what its tables were made of.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .units import formatted
from .workshop import PEERS_PYTHON, ROOT

PAGE = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "docs" / "performance" / "results.json"
_BEGIN, _END = "<!-- tables -->\n", "<!-- end of tables -->\n"

_PROCESSES = ("client", "enclave", "workers")

_GROUPS = {
    "Improved": "Beyond the target, by more than 5 %.",
    "Equal": "At the target, within 5 %.",
    "Worse": "Short of the target.",
    None: "Beside others without a target: mostly the bare primitive, which nothing can outrun.",
}


def main(results: Path) -> None:
    """Keep the results, draw the plots, write the tables."""
    text = results.read_text()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)
    subprocess.run([PEERS_PYTHON, "-m", "benches.plots", RESULTS, RESULTS.parent], check=True)
    PAGE.write_text(with_tables(PAGE.read_text(), json.loads(text)))


def with_tables(page: str, results: dict[str, Any]) -> str:
    """Return the page with the tables of these results between its two marks."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return before + _BEGIN + "\n".join(_tables(results)) + "\n" + _END + after


def _tables(results: dict[str, Any]) -> Iterator[str]:
    yield f"\n{_machine(results)}"
    for verdict, meaning in _GROUPS.items():
        rows = list(_rows(results, verdict))
        if rows:
            yield f"\n### {verdict or 'Without a target'}\n{meaning}\n"
            yield "| what | ours | beside it | | ratio | target |\n|---|---|---|---|---|---|"
            yield from rows
    if costs := list(_costs(results)):
        yield "\n### Costs\nThe time of one, and what it took of processors: client, enclave's"
        yield "supervisor, all processes below that, plain client and plain server. The memory is"
        yield "the supervisor's.\n"
        names = ("what", "p50", "p95", "p99", *_PROCESSES, "memory", "plain client", "its server")
        yield f"| {' | '.join(names)} |\n|{'---|' * len(names)}"
        yield from costs


def _costs(results: dict[str, Any]) -> Iterator[str]:
    """What calls took in detail, where that was measured."""
    for measurements in results["suites"].values():
        for measurement in measurements:
            if (cost := measurement.get("cost")) is None:
                continue
            plain = (cost["peer"] or {"client": None, "server": None}).values()
            times = (
                *(measurement[name] for name in ("median", "p95", "p99")),
                *(cost[name] for name in _PROCESSES),
            )
            cells = (
                measurement["name"].strip(),
                *(formatted(it, "seconds") for it in times),
                formatted(cost["memory"], "bytes"),
                *("" if it is None else formatted(it, "seconds") for it in plain),
            )
            yield f"| {' | '.join(cells)} |"


def _machine(results: dict[str, Any]) -> str:
    machine = results["machine"]
    return (
        f"Run on {results['time'][:10]}: {machine['processor']}, {machine['cores']} cores,\n"
        f"Linux {machine['kernel'].partition('-')[0]}, CPython {machine['python']}, huge pages: "
        f"{machine['huge_pages']}, load before: {machine['load_before']}."
    )


def _rows(results: dict[str, Any], verdict: str | None) -> Iterator[str]:
    for measurements in results["suites"].values():
        for measurement in measurements:
            for comparison in measurement["comparisons"]:
                if comparison["verdict"] == verdict:
                    yield _row(measurement, comparison)


def _row(measurement: dict[str, Any], comparison: dict[str, Any]) -> str:
    unit, size = measurement["unit"], measurement["size"]
    peer, ratio = comparison.get("median"), comparison["ratio"]
    cells = (
        measurement["name"].strip(),
        formatted(measurement["median"], unit, size),
        comparison["peer"],
        "" if peer is None else formatted(peer, unit, size),
        "" if ratio is None else f"{ratio:.2f}",
        comparison["target"] or "",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
