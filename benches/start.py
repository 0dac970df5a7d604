"""What it costs to begin: the command line, the import, the download."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from . import rows
from .harness import Contender, Sample, UnavailableError, race
from .report import Comparison, Measurement
from .targets import AtMost
from .workshop import PEERS_PYTHON, ROOT, Workshop

_TIMED_IMPORT = """
import time
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Start the command line, import the package, weigh the wheel."""
    python = Path(sys.executable)
    samples = race(
        [
            Contender.of("help", lambda: _run(python.with_name("cape"), "--help")),
            _import("import", python, "import pycape"),
            _import("client", python, "from pycape import Cape"),
            _import("pycape 3.1.1", PEERS_PYTHON, "from pycape import Cape"),
        ],
        workshop.seconds(16),
    )
    first_pycape = samples.get("pycape 3.1.1")
    yield Measurement(rows.HELP, samples["help"], (Comparison("the limit", None, AtMost(0.150)),))
    yield Measurement(
        rows.IMPORT, samples["import"], (Comparison("the limit", None, AtMost(0.060)),)
    )
    yield Measurement(
        "from pycape import Cape", samples["client"], (Comparison("pycape 3.1.1", first_pycape),)
    )
    for wheel in sorted((ROOT / "dist").glob("pycape-*.whl"))[-1:]:
        size = Sample([wheel.stat().st_size])
        limit = Comparison("the limit", None, AtMost(4 * 2**20, "bytes"))
        yield Measurement(rows.WHEEL, size, (limit,), unit="bytes")


def _import(name: str, python: Path, statement: str) -> Contender:
    """Time an import in new processes, without the interpreter's own start."""
    code = _TIMED_IMPORT.format(statement=statement)

    def run(laps: int) -> list[float]:
        return [float(_run(python, "-c", code)) for _ in range(laps)]

    return Contender(name, run)


def _run(program: Path, *arguments: str) -> str:
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise UnavailableError(f"{program} is missing") from error
    return done.stdout
