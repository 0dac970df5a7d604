"""`cape init`: a folder that works as its README says."""

import os
import sys
from pathlib import Path

import pytest
from pages import ROOT, examples, is_shown, promised, run_python, run_typed, typed

from pycape._config import Config
from pycape.cli.init import TEMPLATES


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def names(folder) -> list[str]:
    """Return the names of what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("template", TEMPLATES)
def test_all_that_is_written_is_told(stranger, here, template):
    written = stranger.data("init", "my-function", "--template", template)
    found = names(here / "my-function")
    assert written == {"folder": "my-function", "template": template, "files": found}
    assert {"app.py", "test_app.py", "README.md", ".capeignore"} <= {*found}
    assert (here / "my-function" / "README.md").read_text().startswith("# my-function\n")
    assert names(here) == ["my-function"]
    umask = os.umask(0o022)
    os.umask(umask)
    assert (here / "my-function").stat().st_mode & 0o777 == 0o777 & ~umask


def test_the_default_is_the_smallest(stranger, here):
    told = stranger.ok("init", "my-function")
    assert told.text.splitlines()[1] == "my-function/README.md"
    assert told.stderr == "my-function/README.md says how to try it\n"
    assert stranger.ok("init", "another", "-q").line == "another"
    for name in ("app.py", "test_app.py"):
        own = (here / "my-function" / name).read_text()
        assert own == (ROOT / "python/pycape/_templates/minimal" / name).read_text()


def test_an_empty_folder_is_filled_and_another_is_left_alone(stranger, here):
    (here / "empty").mkdir()
    stranger.ok("init", "empty")
    before = (here / "empty/app.py").read_bytes()
    (here / "empty/app.py").write_bytes(b"mine")
    (here / "file").write_text("mine")
    (here / "link").symlink_to("nowhere")
    for name in ("empty", "file", "link"):
        error = stranger.error("init", name, "--template", "typed")
        assert (error["message"], error["status"]) == (f"{name} is there already", 1)
        assert error["hint"] == "name a new folder; nothing was written"
    assert (here / "empty/app.py").read_bytes() == b"mine" != before
    assert names(here) == ["empty", "file", "link"]


@pytest.mark.parametrize("name", ["My_Function", "1st", "a" * 100])
def test_a_name_that_no_function_has_is_refused(stranger, here, name):
    error = stranger.error("init", name)
    assert error["status"] == 2
    assert "a function cannot be called" in error["message"]
    assert error["hint"] == "the folder's name is the function's"
    assert names(here) == []


def test_a_folder_that_cannot_be_written_is_told(stranger, here):
    error = stranger.error("init", "nowhere/function")
    assert error["message"] == "nowhere/function cannot be written: no such file or directory"
    assert names(here) == []


def alone(monkeypatch, module):
    """Let code of this test import a module of this name, and none after it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setitem(sys.modules, module, None)
    del sys.modules[module]


@pytest.mark.network
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_folder_works_as_its_readme_says(stranger, here, template, platform, monkeypatch):
    """All but what installs packages, which are here."""
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(here / ".config"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    Config().install_profile(platform.profile, make_default=True)
    stranger.ok("init", "my-function", "--template", template)
    alone(monkeypatch, "app")
    ran = 0
    for language, block in examples(here / "my-function/README.md"):
        if language == "python":
            assert run_python(block, {}) == promised(block)
            continue
        for command, expected in typed(block):
            if "pip install" in command:
                continue
            shown = run_typed(command)
            assert is_shown(expected, shown), f"{command}\n{shown}"
            ran += 1
    assert ran > 1
