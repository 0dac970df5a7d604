"""A real platform: real processes, real sockets, a simulated security module."""

import pytest

from pycape.local import LocalPlatform


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    """One platform for all tests that do not harm it."""
    home = tmp_path_factory.mktemp("platform")
    with LocalPlatform(
        data_folder=home / "data", config_folder=home / "config", port=0
    ) as platform:
        yield platform
