"""What is longer than anything that is taken is refused by its length, neither copied nor read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory there is")
def test_every_parameter_with_too_much():
    command = [sys.executable, "-W", "ignore", "-m", "tests.bindings.too_much_to_copy"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout == ""
    calls = re.fullmatch(r"(\d+) calls", done.stderr.splitlines()[-1])
    assert calls is not None
    assert int(calls[1]) > 90
