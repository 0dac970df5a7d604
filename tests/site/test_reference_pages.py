"""The pages of the command line and of settings say what the program does."""

import re
import runpy
import tomllib
from dataclasses import fields

import click
import pytest
from pages import ROOT

from pycape.cli._main import cape
from pycape.packaging._settings import FunctionSettings

PAGES = ROOT / "docs" / "reference"
GENERATED = runpy.run_path(str(PAGES / "generate.py"))["pages"]()
PROSE = tomllib.loads((PAGES / "prose.toml").read_text("utf-8"))


def commands(command=cape, path="cape"):
    """Yield each command with how it is typed."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), f"{path} {name}")


@pytest.mark.parametrize("name", GENERATED)
def test_a_page_is_what_the_program_says(name):
    written = (PAGES / name).read_text("utf-8")
    assert written == GENERATED[name], "python docs/reference/generate.py"


def test_every_command_and_each_of_its_options_is_told():
    page = GENERATED["command-line.md"]
    for path, command in list(commands())[1:]:
        head = re.search(rf"^#+ {path}$", page, re.MULTILINE)
        assert head, path
        section = page[head.end() :].split("\n#")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                shared = parameter in command._shared
                assert f"`{parameter.opts[-1]}`" in (page if shared else section), parameter.opts


def test_every_variable_that_the_program_reads_is_told():
    sources = [
        *(ROOT / "python" / "pycape").rglob("*.py"),
        *(ROOT / "enclave-runtime" / "src").rglob("*.rs"),
        *(ROOT / "enclave-runtime" / "shim").rglob("*.py"),
        *(ROOT / "crates").rglob("src/**/*.rs"),
    ]
    read = {
        name
        for file in sources
        for name in re.findall(r"(?<![\w.])CAPE_[A-Z][A-Z_]+\b", file.read_text("utf-8"))
    }
    assert read == set(PROSE["variable"])


def test_every_status_has_a_meaning():
    rows = re.findall(r"^\| (\d+) \| (.+?) \|", GENERATED["command-line.md"], re.MULTILINE)
    assert {status for status, _ in rows} == set(PROSE["status"])


def test_every_setting_of_a_function_is_told():
    assert set(PROSE["function_setting"]) == {each.name for each in fields(FunctionSettings)}
