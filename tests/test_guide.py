"""Pages are true: the guide's Python prints what it says, links lead somewhere."""

import inspect
import os

import pytest
from pages import ROOT, anchors, blocks, links, promised, run_python

from pycape import Cape, envelope
from pycape.cli import encrypt as cape_encrypt

GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", GUIDE, ids=name_of)
def test_the_python_of_a_page_prints_what_it_says(page, tmp_path, monkeypatch):
    """Its blocks one after the other, as a reader types them who has nothing but the package."""
    for name in [name for name in os.environ if name.startswith("CAPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks(page, "python"):
        assert run_python(block, names) == promised(block), block


# What says where the ciphertext goes, or where the input is, and is no choice of how to encrypt.
NO_CHOICE = {"--file", "--output", "--force"}


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


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for path, anchor in links(page):
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"
