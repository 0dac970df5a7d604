"""Times the peers' work for the harness (`benches/children.py`).

Reads one request a line, `{"work": "pyrage encrypt", "runs": 20, "size": 32}`, and answers each
with one line, the seconds of each run: `{"laps": [0.0001, ...]}`, or `{"error": "..."}`. Ends with
its input.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

from . import envelopes, first_pycape

Work = Callable[[], object]

_WORKS: dict[str, Callable[..., Work]] = {**envelopes.WORKS, **first_pycape.WORKS}


def _answer(request: dict[str, Any], prepared: dict[str, Work]) -> dict[str, Any]:
    runs = request.pop("runs")
    key = json.dumps(request)
    if key not in prepared:
        try:
            prepared[key] = _WORKS[request.pop("work")](**request)
        except ImportError as error:
            return {"error": str(error)}
    work, laps = prepared[key], []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        laps.append(time.perf_counter() - start)
    return {"laps": laps}


def _main() -> None:
    prepared: dict[str, Work] = {}
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line), prepared)), flush=True)


if __name__ == "__main__":
    _main()
