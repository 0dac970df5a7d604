import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.e2e.processes import wait_until
from tests.host.hosts import Platform, Service


@contextmanager
def service(made: Service):
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="module")
def platform(tmp_path_factory):
    """A control plane that runs for the tests of a file."""
    platform = Platform(tmp_path_factory.mktemp("platform"))
    with service(platform.start()):
        yield platform


@pytest.fixture
def agent(platform):
    """Start agents; what was started is ended with the test."""
    started = []

    def start(configuration: Path) -> Service:
        name = configuration.stem
        started.append(Service(platform.folder, name, "host", "run", "--config", configuration))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.end()
        each.kill()
    wait_until(lambda: platform.readiness() == "no enclave is running")


@pytest.fixture
def mounted(tmp_path):
    """Mount a small disk; skips where nobody may."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options):
        words = ["mount", "-t", "tmpfs", "-o", options, "cape-test", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"nothing can be mounted here: {done.stderr}")
        return folder

    yield mount
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
