"""Measure, print a table, and keep the results as JSON in benches/results."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import attestation, bulk, envelope, files, host, machine, report, rows, runtime, start
from .report import Measurement
from .workshop import Workshop

_RESULTS = Path(__file__).parent / "results"

SUITES: dict[str, Callable[[Workshop], Iterator[Measurement]]] = {
    "attestation": attestation.measure,
    "envelope": envelope.measure,
    "files": files.measure,
    "runtime": runtime.measure,
    "bulk": bulk.measure,
    "host": host.measure,
    "start": start.measure,
}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benches", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", choices=SUITES)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten")
    arguments = parser.parse_args()

    described = machine.describe()
    for name, value in described.items():
        print(f"{name.replace('_', ' '):<16}{value}")
    suites: dict[str, list[dict[str, Any]]] = {}
    with Workshop(quick=arguments.quick) as workshop:
        for suite in arguments.only or SUITES:
            print(report.heading(suite), flush=True)
            suites[suite] = []
            for measurement in SUITES[suite](workshop):
                print("\n".join(measurement.lines()), flush=True)
                suites[suite].append(measurement.as_json())
    whole = not (arguments.quick or arguments.only)
    path = _keep({"quick": arguments.quick, "machine": described, "suites": suites})
    print(f"\n{path}")
    if whole and (lacking := rows.missing(suites)):
        sys.exit("\n".join(["targets ask for more than was measured:", *lacking]))


def _keep(results: dict[str, Any]) -> Path:
    now = datetime.now(UTC)
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{now:%Y-%m-%dT%H-%M-%SZ}.json"
    path.write_text(json.dumps({"time": now.isoformat(), **results}, indent=1) + "\n")
    return path


if __name__ == "__main__":
    main()
