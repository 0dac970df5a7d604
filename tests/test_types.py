"""What type checkers see: all of the package has types and documentation, the core's stub is true.

`make lint` checks the types themselves.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def symbols():
    """Return what `--verifytypes` says of each symbol that the package exports or refers to."""
    done = subprocess.run(
        [BIN / "basedpyright", "--verifytypes", "pycape", "--ignoreexternal", "--outputjson"],
        # It looks for the package where the interpreter does that it finds.
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = json.loads(done.stdout)["typeCompleteness"]["symbols"]
    assert len(found) > 1000
    return found


def test_every_symbol_has_a_type(symbols):
    assert not [
        each["name"] for each in symbols if not each["isTypeKnown"] or each["isTypeAmbiguous"]
    ]


def test_every_class_and_function_has_documentation(symbols):
    assert not [
        said["message"]
        for each in symbols
        for said in each["diagnostics"]
        if said["message"].startswith("No docstring")
    ]


def test_the_stub_of_the_core_is_what_was_compiled():
    """Names, parameters and their kinds, defaults, properties, bases: without an exception."""
    done = subprocess.run(
        [BIN / "stubtest", "pycape._core"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
