"""Pages are true: the guide's examples do what it says, links lead somewhere."""

import inspect
import os
import re
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pages import (
    ROOT,
    anchors,
    examples,
    file_of,
    is_shown,
    links,
    promised,
    run_python,
    run_typed,
    typed,
)
from tests.cli.told import check_command, commands_in

from pycape import Cape, envelope
from pycape._config import Config
from pycape.cli import encrypt as cape_encrypt

DOCS = ROOT / "docs"
GUIDE = [
    DOCS / "index.md",
    DOCS / "start.md",
    *sorted(DOCS.glob("guide/*.md")),
    *sorted(DOCS.glob("concepts/*.md")),
]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

# By `.ci/run`, from a clean clone.
RUN_ELSEWHERE = {"make demo\n. .venv/bin/activate\n"}


def name_of(page) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """Somebody who has nothing but the package, and what pages say that is there."""
    for name in [name for name in os.environ if name.startswith("CAPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    Path("functions").symlink_to(ROOT / "functions")
    Path("old.pem").write_bytes(rsa_private_key())
    Path("old.pem").chmod(0o600)
    before = os.umask(0o022)
    yield
    os.umask(before)


def rsa_private_key() -> bytes:
    """Return a new key in PEM, as the first system's users have."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize("page", GUIDE, ids=name_of)
def test_the_examples_of_a_page_do_what_it_says(page, reader, request):
    """Its blocks one after the other, Python and what is typed in a terminal."""
    names = {}
    for language, block in examples(page):
        if file := file_of(block):
            file.parent.mkdir(exist_ok=True)
            file.write_text(block, "utf-8")
            continue
        match language:
            case "python":
                assert run_python(block, names) == promised(block), block
            case "console":
                for command, expected in typed(block):
                    shown = run_typed(command)
                    assert is_shown(expected, shown), f"{command}\n{shown}"
            case _ if block == "cape dev\n":
                profile = request.getfixturevalue("platform").profile
                Config().install_profile(profile, make_default=True)
            case _:
                assert block in RUN_ELSEWHERE, "nothing else is run elsewhere"


def test_what_is_shown_otherwise_is_noticed():
    assert typed("$ a\n$ b c\none\n\ntwo\n") == [("a", ""), ("b c", "one\n\ntwo\n")]
    assert typed("nora@work$ a\n$ b\n") == [("export CAPE_CONFIG_DIR=$PWD/nora; a", ""), ("b", "")]
    assert run_typed("echo out; echo err >&2; cat") == "out\nerr\n"
    assert is_shown("one ...\ntwo\n", "one and more\ntwo")
    assert not is_shown("one ...\ntwo\n", "one and more\ntwo\nthree")
    assert not is_shown("", "an error\n")


# What says where the ciphertext goes, or where the input is, and is no choice of how to encrypt.
NO_CHOICE = {"--file", "--force", "--output", "--yes"}


def test_the_table_of_choices_has_all_that_can_be_chosen_when_encrypting():
    """What `encrypt` and `seal` take in Python, and `cape encrypt` on the line."""
    table = (ROOT / "docs/guide/choices.md").read_text("utf-8").split("## What can be changed")[1]
    for function in (Cape.encrypt, envelope.seal):
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind is parameter.KEYWORD_ONLY:
                assert f"{name}=" in table, name
    shared = {option for each in cape_encrypt.command._shared for option in each.opts}
    for parameter in cape_encrypt.command.params:
        for option in [*parameter.opts, *parameter.secondary_opts]:
            if option.startswith("--") and option not in NO_CHOICE | shared:
                assert f"{option}`" in table or f"{option} " in table, option


def test_a_comment_that_is_wrong_is_noticed():
    source = 'print(b"one")  # b"one"\nfor i in (1, 2):\n    print(i)  # 1, 2\nprint("two")  # 2'
    assert promised(source) == ["b'one'", "1", "2", "2"]
    assert run_python(source, {}) == ["b'one'", "1", "2", "two"]


CHANGES = ROOT / "CHANGELOG.md"  # tells of what was, too

# How a command's page says what follows a command, and no command itself.
USAGE = re.compile(r"\[OPTIONS\]|COMMAND")


@pytest.mark.parametrize("page", [each for each in PAGES if each != CHANGES], ids=name_of)
def test_commands_within_sentences_are_understood(page):
    """As hints' are: no word of them is wrong. Those in blocks are run."""
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for command in commands_in(prose.replace("\\|", "|")):
        if not USAGE.search(command):
            check_command(command)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for path, anchor in links(page):
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"
