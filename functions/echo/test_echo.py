import runpy
from pathlib import Path

import pytest

handler = runpy.run_path(str(Path(__file__).with_name("app.py")))["cape_handler"]


@pytest.mark.parametrize("data", [b"", b"hello world", bytes(range(256)), b"\0" * 100_000])
def test_the_echo_is_the_input(data):
    assert handler(data) == data
