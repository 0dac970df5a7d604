"""Platforms for functions that try to get out."""

import platform
from contextlib import ExitStack

import pytest

from .worlds import Worlds


@pytest.fixture(scope="package")
def worlds(tmp_path_factory):
    if platform.machine() != "x86_64":
        pytest.skip("attempts name system calls by x86_64's numbers")
    with ExitStack() as ends:
        yield Worlds(tmp_path_factory.mktemp("worlds"), ends)
