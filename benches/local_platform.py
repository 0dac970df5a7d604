"""A local platform whose enclave has settings of its own: `python -m benches.local_platform FILE`.

It is as `cape dev`; prints a line of JSON when it serves, and ends with SIGTERM or its input.
"""

import json
import signal
import sys
from pathlib import Path

from pycape.local import LocalPlatform


def _stop(*_: object) -> None:
    raise SystemExit


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    with LocalPlatform(port=0, settings=Path(sys.argv[1])) as platform:
        print(json.dumps({"enclave": platform.enclave_pid}), flush=True)
        sys.stdin.read()
