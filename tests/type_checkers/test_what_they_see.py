"""Two type checkers see of public functions what a user would want them to."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SAMPLES = [each for each in sorted(HERE.glob("*.py")) if not each.name.startswith(("test_", "__"))]


def mypy(sample: Path) -> set[int]:
    """Return the lines that mypy finds an error in."""
    options = ["--strict", "--no-error-summary", "--config-file=", "--cache-dir=.mypy_cache"]
    said = checked("mypy", *options, str(sample))
    return {int(line) for line in re.findall(r"^[^:\n]*\.py:(\d+): error", said, re.MULTILINE)}


def pyright(sample: Path) -> set[int]:
    """Return the lines that basedpyright finds an error in."""
    said = checked("basedpyright", "--outputjson", "--pythonpath", sys.executable, str(sample))
    return {
        each["range"]["start"]["line"] + 1
        for each in json.loads(said)["generalDiagnostics"]
        if each["severity"] == "error"
    }


def checked(program: str, *arguments: str) -> str:
    run = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parents[1],
    )
    assert run.returncode == 1, run.stdout + run.stderr
    return run.stdout


@pytest.mark.parametrize("checker", [mypy, pyright])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_what_is_refused_is_what_the_sample_says(checker, sample):
    lines = enumerate(sample.read_text("utf-8").splitlines(), 1)
    assert checker(sample) == {number for number, line in lines if line.endswith("  # refused")}
