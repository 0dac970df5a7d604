"""Modules that are run in a process of their own, since what they try may end it."""

import subprocess
import sys
from pathlib import Path


def run_apart(module: str) -> subprocess.CompletedProcess[str]:
    """Run a module, which prints what is wrong, and on its error output what it does."""
    command = [sys.executable, "-W", "ignore", "-m", module]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout == ""
    return done
