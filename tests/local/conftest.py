import sys
from pathlib import Path

import pytest

from pycape.local import LocalPlatform

FAKE = Path(__file__).with_name("fake_enclave.py")


@pytest.fixture
def enclave(tmp_path, monkeypatch):
    """The stand-in for cape-enclave, installed where the platform finds it."""
    program = tmp_path / "cape-enclave"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -S {FAKE} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("CAPE_ENCLAVE_BINARY", str(program))
    return program


@pytest.fixture
def folders(tmp_path):
    """Arguments for a platform of the test's own, on any port."""
    return {
        "data_folder": tmp_path / "data",
        "config_folder": tmp_path / "config",
        "port": 0,
    }


@pytest.fixture
def platform(enclave, folders):
    return LocalPlatform(**folders)


@pytest.fixture
def behave(folders):
    """Tells the stand-in how to behave from now on."""

    def behave(word):
        (folders["data_folder"] / "local" / "behaviour").write_text(word)

    return behave
