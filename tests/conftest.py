"""A real platform: real processes, real sockets, a simulated security module."""

import signal
from importlib.resources import files

import pytest
from hypothesis import HealthCheck, settings

from pycape.local import LocalPlatform

# Background jobs and what `nohup` starts have these ignored, and so would what tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A busy machine is no defect of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    """One platform for all tests that do not harm it."""
    home = tmp_path_factory.mktemp("platform")
    with LocalPlatform(
        data_folder=home / "data", config_folder=home / "config", port=0
    ) as platform:
        yield platform


@pytest.fixture(scope="session")
def insecure_platform(tmp_path_factory):
    """A platform whose settings switch off layers around functions."""
    home = tmp_path_factory.mktemp("insecure")
    settings = home / "settings.toml"
    shipped = (files("pycape.local") / "settings.toml").read_text("utf-8")
    settings.write_text(f'{shipped}insecure_off = ["landlock", "memory_watch"]\n')
    folders = {"data_folder": home / "data", "config_folder": home / "config"}
    with LocalPlatform(**folders, port=0, settings=settings) as platform:
        yield platform
