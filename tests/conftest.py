"""A real platform: real processes, real sockets, a simulated security module."""

import signal

import pytest

from pycape.local import LocalPlatform

# Background jobs and what `nohup` starts have these ignored, and so would what tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    """One platform for all tests that do not harm it."""
    home = tmp_path_factory.mktemp("platform")
    with LocalPlatform(
        data_folder=home / "data", config_folder=home / "config", port=0
    ) as platform:
        yield platform
