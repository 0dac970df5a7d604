"""docs/performance.md shows the results that are kept beside it, and nothing else."""

from __future__ import annotations

import json
import re

from benches.__main__ import SUITES
from benches.page import PAGE, RESULTS, with_tables
from benches.rows import missing


def test_the_tables_are_those_of_the_results_beside_them() -> None:
    page = PAGE.read_text()
    assert with_tables(page, json.loads(RESULTS.read_text())) == page


def test_every_comparison_is_in_a_table() -> None:
    results = json.loads(RESULTS.read_text())
    comparisons = [
        comparison
        for suite in results["suites"].values()
        for measurement in suite
        for comparison in measurement["comparisons"]
    ]
    rows = re.findall(r"^\| (?!what )[a-z0-9].*\|$", PAGE.read_text(), flags=re.MULTILINE)
    assert len(comparisons) > 50
    assert sum(row.count("|") == 7 for row in rows) == len(comparisons)


def test_the_run_was_a_whole_one_with_every_row_that_targets_ask_for() -> None:
    results = json.loads(RESULTS.read_text())
    assert not results["quick"]
    assert set(results["suites"]) == set(SUITES)
    assert missing(results["suites"]) == []


def test_the_plots_it_shows_are_beside_it() -> None:
    plots = re.findall(r"!\[[^]]+\]\(([^)]+)\)", PAGE.read_text())
    assert plots
    for plot in plots:
        assert (PAGE.parent / plot).read_text().startswith("<?xml")
