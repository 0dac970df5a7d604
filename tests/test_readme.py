"""README.md is true: its commands run, its Python runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, blocks, run_python

from pycape._config import Config

README = ROOT / "README.md"

# Run by others: `.ci/run` runs make, the platform of these tests is what `cape dev` runs.
ELSEWHERE = {"make demo", "make test", "cape dev"}


def commands(block: str) -> list[str]:
    """Return a block's commands without their comments."""
    return [line.partition(" #")[0].strip() for line in block.splitlines() if line.strip()]


SHELL = [commands(block) for block in blocks(README, "sh")]
SESSIONS = [block for block in SHELL if not ELSEWHERE.issuperset(block)]


@pytest.fixture
def user(platform, tmp_path, monkeypatch):
    """Somebody at the root of a checkout, who has joined the platform."""
    config = tmp_path / "config"
    Config(config_dir=config).install_profile(platform.profile, make_default=True)
    for name in [name for name in os.environ if name.startswith("CAPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(config))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    (tmp_path / "functions").symlink_to(ROOT / "functions")
    monkeypatch.chdir(tmp_path)


def test_it_is_short():
    assert len(README.read_text("utf-8").splitlines()) <= 150


def test_what_is_run_elsewhere_is_there():
    assert {command for block in SHELL for command in block} >= ELSEWHERE
    for command in ELSEWHERE - {"cape dev"}:
        dry = subprocess.run(
            [*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, check=False
        )
        assert dry.returncode == 0, command


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session[0])
def test_a_session_in_the_shell(user, session):
    printed = ""
    for command in session:
        found = re.search(r"^function id +(\S+)$", printed, re.MULTILINE)
        line = command.replace("FUNCTION", found[1]) if found else command
        ran = subprocess.run(
            ["bash", "-ec", line], capture_output=True, text=True, check=False, timeout=120
        )
        assert ran.returncode == 0, f"{line}\n{ran.stderr}"
        printed += ran.stdout
    if any("greeting.cape" in command for command in session):
        assert "hello world" in printed
    if any("letter.cape" in command for command in session):
        assert printed.endswith("for my eyes")


@pytest.mark.parametrize("block", blocks(README, "python"), ids=lambda block: block.splitlines()[0])
def test_a_block_of_python(user, block):
    names: dict = {}
    printed = run_python(block, names)
    if "cape_handler" in names:
        assert names["cape_handler"](b"hello") == b"HELLO"
    else:
        assert printed == ["b'hello world'", "b'one' b'two'"]
