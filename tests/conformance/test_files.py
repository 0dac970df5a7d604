"""The files are those that are made, and the page describes each folder and each field."""

import json
import re
from pathlib import Path

import pytest

from . import CASES
from .case import VECTORS, load

SPECIFICATION = Path(__file__).parents[2] / "docs" / "spec"
PAGE = (SPECIFICATION / "conformance.md").read_text()
FOLDERS = sorted(path.name for path in VECTORS.iterdir() if path.is_dir())
MADE_HERE = sorted({case.folder for case in CASES})
# Where the rules of what is made here are sections.
PAGES = {
    "access": ["trust"],
    "derivations": ["trust", "envelope", "attestation"],
    "keys": ["envelope"],
    "session": ["session"],
    "statements": ["trust"],
    "upgrade": ["session"],
}
# Objects whose keys are labels of the specification, not fields.
LABELS = {"exports", "pcrs"}


def test_the_files_are_those_that_are_made():
    made = {case.path: case.as_json() for case in CASES}
    assert len(made) == len(CASES)
    assert made.keys() == {path for folder in MADE_HERE for path in (VECTORS / folder).iterdir()}
    assert not [path.stem for path, text in made.items() if path.read_text() != text]


def described(table: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE))


def sections() -> dict[str, set[str]]:
    """Return the fields that the page describes, by folder."""
    parts = re.split(r"^## `(\w+)/`$", PAGE, flags=re.MULTILINE)[1:]
    bodies = (re.split(r"^## ", body, flags=re.MULTILINE)[0] for body in parts[1::2])
    return {name: described(body) for name, body in zip(parts[::2], bodies, strict=True)}


COMMON = described(PAGE.partition("## Form")[2].partition("\n## ")[0])


def fields_of(vector: dict) -> set[str]:
    found = set()
    for field, value in vector.items():
        found.add(field)
        inner = value if isinstance(value, list) else [value]
        if field not in LABELS:
            found |= {f"{field}.{key}" for item in inner if isinstance(item, dict) for key in item}
    return found


def test_each_folder_has_as_many_files_as_the_page_says():
    stated = {
        name: int(count) for name, count in re.findall(r"^\| `(\w+)/` \| (\d+) \|$", PAGE, re.M)
    }
    assert stated == {folder: len(load(folder)) for folder in FOLDERS}


def test_each_folder_is_described():
    assert sorted(sections()) == FOLDERS


def test_each_file_of_one_piece_is_described():
    listed = described(PAGE.partition("## Files of one piece")[2].partition("\n## ")[0])
    assert listed == {path.name for path in VECTORS.iterdir() if path.is_file()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_field_is_described_and_each_that_is_described_is_there(folder):
    used = {field for vector in load(folder) for field in fields_of(vector) - {"name"}}
    assert used - COMMON == sections()[folder] - COMMON
    # A check or a reason takes the place of the rule where the page says so.
    assert used >= {"about", "error"} and len(used & {"rule", "check", "reason"}) == 1


@pytest.mark.parametrize("folder", PAGES)
def test_each_rule_is_a_section(folder):
    texts = [(SPECIFICATION / f"{page}.md").read_text() for page in PAGES[folder]]
    headings = re.findall(r"^#+ (.+)$", "\n".join(texts), re.MULTILINE)
    rules = {vector["rule"] for vector in load(folder)}
    assert rules <= {heading.lower() for heading in headings}


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_has_a_verdict_and_there_are_both_kinds(folder):
    errors = {json.dumps(vector.get("error")) for vector in load(folder)}
    if folder != "derivations":
        assert "null" in errors and len(errors) > 1


def test_the_names_of_errors_are_those_of_the_table():
    table = (SPECIFICATION.parent / "errors" / "README.md").read_text()
    used = {vector.get("error") for folder in FOLDERS for vector in load(folder)} - {None}
    assert used <= set(re.findall(r"\| `(\w+)` \|", table))


def test_each_way_to_derive_and_each_algorithm_is_described():
    section = PAGE.partition("## `derivations/`")[2].partition("\n## ")[0]
    for vector in load("derivations"):
        for name in (vector["derives"], *(step["algorithm"] for step in vector["steps"])):
            assert f"`{name}`" in section
