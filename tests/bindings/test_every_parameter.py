"""No value in any place of the core ends the process, or raises what is not ours."""

import subprocess
import sys
from pathlib import Path


def test_every_parameter_with_the_worst_values():
    command = [sys.executable, "-W", "ignore", "-m", "tests.bindings.every_parameter"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout == ""
