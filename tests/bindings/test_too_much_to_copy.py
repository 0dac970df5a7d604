"""What is longer than anything that is taken is refused by its length, neither copied nor read."""

import re
import sys

import pytest
from tests.bindings.apart import run_apart


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory there is")
def test_every_parameter_with_too_much():
    done = run_apart("tests.bindings.too_much_to_copy")
    calls = re.fullmatch(r"(\d+) calls", done.stderr.splitlines()[-1])
    assert calls is not None
    assert int(calls[1]) > 90
