"""Errors, their pages and the core's table say the same."""

import re
import runpy
from pathlib import Path

import pytest

from pycape import errors

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "errors"
CORE_TABLE = ROOT / "crates" / "cape-core" / "src" / "error_code.rs"
GENERATED = runpy.run_path(str(PAGES / "generate.py"))["pages"]()


def core_table() -> dict[str, str]:
    rows = re.findall(
        r'^    (\w+) = "(CAPE-[^"]+)", "', CORE_TABLE.read_text("utf-8"), re.MULTILINE
    )
    return dict(rows)


def test_python_and_the_core_have_the_same_classes_and_codes():
    in_python = {
        value.__name__: value.code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.CapeError)
    }
    assert in_python == core_table()


@pytest.mark.parametrize("name", sorted(GENERATED))
def test_a_page_is_what_its_class_says(name):
    assert (PAGES / name).read_text("utf-8") == GENERATED[name], "python docs/errors/generate.py"


def test_no_page_is_left_over():
    assert {path.name for path in PAGES.glob("*.md")} == set(GENERATED)


@pytest.mark.parametrize("code", sorted(core_table().values()))
def test_every_code_of_the_core_has_its_page(code):
    assert (PAGES / f"{code}.md").is_file()
