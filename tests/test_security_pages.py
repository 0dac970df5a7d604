"""Every test that a page in docs/security names is there, under that name, in that file."""

import re

import pytest
from pages import ROOT

PAGES = sorted((ROOT / "docs" / "security").glob("*.md"))

# `tests/e2e/test_kill.py::test_a_worker_killed_costs_only_its_own_call`
NAMED = re.compile(r"`([\w./-]+\.(?:py|rs))::(\w+)`")


def defined_tests(source: str, suffix: str) -> set[str]:
    """Return the names of the tests that a file of Python (`.py`) or Rust (`.rs`) defines."""
    if suffix == ".py":
        return set(re.findall(r"^\s*(?:async )?def (test_\w+)\(", source, re.MULTILINE))
    trials = set(re.findall(r'\btrial\(\s*"\w+::(\w+)",\s*\1,?\s*\)', source))
    # Between a test's attribute and its name stand other attributes at most.
    attribute = r"#\[(?:tokio::)?test\b[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*"
    return trials | set(re.findall(rf"{attribute}(?:async )?fn (\w+)\(", source))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_tested(page):
    for file, name in NAMED.findall(page.read_text("utf-8")):
        path = ROOT / file
        assert path.is_file(), file
        assert name in defined_tests(path.read_text("utf-8"), path.suffix), f"{file}::{name}"


def test_the_threat_model_names_tests():
    page = ROOT / "docs" / "security" / "threat-model.md"
    rows = re.findall(r"^\| .+ \|$", page.read_text("utf-8"), re.MULTILINE)
    promises = [row for row in rows if row.count("|") == 4 and not row.startswith("| cannot |")]
    assert promises
    assert [row for row in promises if not NAMED.search(row)] == []


def test_each_prior_mistake_names_a_test():
    page = ROOT / "docs" / "security" / "prior-mistakes.md"
    rows = re.findall(r"^\| [a-zA-Z].+ \|$", page.read_text("utf-8"), re.MULTILINE)
    mistakes = [row for row in rows if not row.startswith("| mistake |")]
    assert len(mistakes) > 30
    assert [row for row in mistakes if not NAMED.search(row)] == []


@pytest.mark.parametrize(
    ("suffix", "source"),
    [
        (
            ".py",
            "def test_a():\n    pass\nasync def test_b():\n    pass\ndef helper():\n    pass\n",
        ),
        (
            ".rs",
            "#[test]\nfn test_a() {}\n#[tokio::test(x = 1)]\nasync fn test_b() {}\nfn helper() {}",
        ),
        (
            ".rs",
            'trial("a::test_a", test_a),\ntrial(\n"a::test_b",\ntest_b,\n),\ntrial("a::c", d),',
        ),
    ],
)
def test_only_tests_count(suffix, source):
    assert defined_tests(source, suffix) == {"test_a", "test_b"}
