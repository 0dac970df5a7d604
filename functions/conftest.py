"""The gallery as a reader has it: a copy of this folder, on a platform of its own.

What training and packing write goes into the copy.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tests.conftest

from pycape import Cape
from pycape._config import Config
from pycape.errors import FunctionError

platform = tests.conftest.platform

HERE = Path(__file__).parent

# What is in the folder of nobody who has just cloned the repository.
_MADE = ("__pycache__", "cape.lock", "model.*", "samples", "onnx_model", "imagenet_classes.txt")


@pytest.fixture(scope="session")
def gallery(tmp_path_factory):
    """A copy of this folder."""
    folder = tmp_path_factory.mktemp("gallery") / "functions"
    return shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns(*_MADE))


@pytest.fixture(scope="session")
def config(platform, tmp_path_factory):
    """The configuration folder of somebody who has joined the platform."""
    folder = tmp_path_factory.mktemp("config")
    Config(config_dir=folder).install_profile(platform.profile, make_default=True)
    return folder


@pytest.fixture(scope="session")
def cape(config):
    with Cape(config_dir=config) as cape:
        yield cape


@pytest.fixture(scope="session")
def another(platform, tmp_path_factory):
    """Make a client with an account of its own, by name."""

    def make(name: str) -> Cape:
        folder = tmp_path_factory.mktemp(name)
        Config(config_dir=folder).install_profile(platform.profile, make_default=True)
        return Cape(config_dir=folder)

    return make


@pytest.fixture(scope="module")
def folder(request, gallery):
    """The folder of the function beside the test, its model trained."""
    folder = gallery / request.path.parent.name
    if (folder / "train.py").exists() and not [*folder.glob("model.*")]:
        subprocess.run([sys.executable, folder / "train.py"], check=True)
    return folder


@pytest.fixture(scope="module")
def function(cape, folder):
    """The function beside the test, deployed."""
    return cape.deploy(folder)


@pytest.fixture(scope="module")
def connection(cape, function):
    """A connection to the function beside the test: one process for all calls of a module."""
    with cape.function_context(function, None) as connection:
        yield connection


@pytest.fixture(scope="module")
def run(cape, function, connection):
    """Run the function beside the test on an input, as it is and encrypted, to one output."""

    def run(data: bytes) -> bytes:
        output = connection.invoke(data)
        assert connection.invoke(cape.encrypt(data, functions=[function])) == output
        return output

    return run


@pytest.fixture(scope="module")
def refusal(connection):
    """Run the function beside the test on an input that it refuses; return what it says."""

    def refusal(data: bytes) -> str:
        with pytest.raises(FunctionError) as refused:
            connection.invoke(data)
        return f"{refused.value.type}: {refused.value.message}"

    return refusal
