"""`--help` of each command: it begins with an example, and fits a terminal of 80 columns."""

import json
import re
import shlex

import click
import pytest

from pycape.cli._main import _SECTIONS
from pycape.cli._main import cape as group

from .told import parse


def commands(command: click.Command = group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found += commands(command.get_command(context, name), (*path, name))
    return found


COMMANDS = commands()


def test_all_that_is_promised_is_there():
    assert {path[0] for path in COMMANDS if path} == {
        "accounts",
        "attest",
        "completion",
        "config",
        "console",
        "decrypt",
        "demo",
        "deploy",
        "dev",
        "doctor",
        "encrypt",
        "explain",
        "function",
        "host",
        "image",
        "init",
        "inspect",
        "join",
        "keys",
        "package",
        "receipt",
        "recipients",
        "run",
        "test",
        "token",
        "vault",
        "version",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_first_line_is_an_example_of_this_very_command(stranger, path):
    text = stranger.ok(*path, "--help").text
    program, *words = shlex.split(text.splitlines()[0])
    assert program == "cape"
    assert tuple(words[: len(path)]) == path


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_an_example_is_understood(path):
    example = command_at(path).example
    words = shlex.split(example.partition(" > ")[0])[1:]
    parse(group, words)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_it_fits_80_columns(stranger, monkeypatch, path):
    monkeypatch.setenv("COLUMNS", "80")
    text = stranger.ok(*path, "--help").text
    assert max(map(len, text.splitlines())) <= 80
    assert not set(text) & {"\x1b", "\b", "\\"}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_says_what_it_does(path):
    for parameter in command_at(path).params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_sentence_is_cut(stranger, monkeypatch, path):
    monkeypatch.setenv("COLUMNS", "80")
    text = stranger.ok(*path, "--help").text
    assert not re.search(r"[^]]\.\.\.$", text, re.MULTILINE)
    command = command_at(path)
    if isinstance(command, click.Group) and path:
        told = " ".join(text.split())
        for name in command.list_commands(click.Context(command)):
            sentence, _, _ = (command_at((*path, name)).help or "").partition(".")
            assert f" {name} {sentence}." in told


def test_one_option_is_there_for_not_being_asked(stranger):
    """`--yes`, whatever is lost; and where it is, what replacing files was called before."""
    asking = [path for path in COMMANDS if "--yes" in stranger.ok(*path, "--help").text]
    assert ("encrypt",) in asking
    assert ("function", "delete") in asking
    for path in COMMANDS:
        taken = {option for each in command_at(path).params for option in each.opts}
        assert ("--yes" in taken) is ("--force" in taken) is (path in asking)
        assert "--force" not in stranger.ok(*path, "--help").text


def test_each_command_is_listed_with_a_whole_sentence(stranger, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = stranger.ok("--help").text.splitlines()
    for names in _SECTIONS.values():
        for name, said in names.items():
            assert re.fullmatch(r"[A-Z].*[^.]\.", said)
            assert any(line.split(maxsplit=1) == [name, said] for line in lines), name


def test_cape_alone_shows_its_help(stranger):
    assert stranger.ok().text == stranger.ok("--help").text


def test_a_group_alone_lacks_a_command(stranger):
    outcome = stranger("token")
    assert (outcome.status, outcome.stdout) == (2, b"")
    assert "Usage: cape token" in outcome.stderr


@pytest.mark.parametrize("name", ["function", "host", "token"])
@pytest.mark.parametrize("before", [True, False])
def test_a_group_alone_is_an_error_for_programs(stranger, name, before):
    outcome = stranger("--json", name) if before else stranger(name, "--json")
    error = json.loads(outcome.stdout)["error"]
    assert (outcome.status, error["code"]) == (2, "CAPE-CLI-001")
    assert error["message"] == "missing command"
    assert error["hint"] == f"`cape {name} --help` shows how"


def command_at(path: tuple[str, ...]) -> click.Command:
    command: click.Command = group
    for name in path:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name)
    return command
