"""Builds from Debian's sources, with stand-ins for the programs that they start."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "enclave-runtime"))


@pytest.fixture
def cache_folder(tmp_path, monkeypatch):
    """A cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CAPE_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a shell script before the program of that name."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def add(name, script):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return add
