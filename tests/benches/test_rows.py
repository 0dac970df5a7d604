"""Every row that a target asks for is measured by a suite, and a run that lacks one is told."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from benches import rows
from benches.__main__ import SUITES

BENCHES = Path(rows.__file__).parent
# What suites leave to modules of their own.
PARTS = {"isolation"}


def measured() -> set[str]:
    """Return the names of `rows` that stand in a suite's code."""
    return {
        node.attr
        for suite in {*SUITES, *PARTS}
        for node in ast.walk(ast.parse((BENCHES / f"{suite}.py").read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "rows"
    }


def results(without: str | None = None, unjudged: str | None = None) -> dict[str, list[dict]]:
    """Return what a whole run keeps, as far as is looked at; or all but a row, or a verdict."""
    suite = []
    for name, filling, peers in rows.ASKED:
        verdicts = {peer: None if peer == unjudged else "Equal" for peer in peers}
        suite.append(
            {
                "name": getattr(rows, name).format(**filling),
                "comparisons": [
                    {"peer": peer, "verdict": verdict} for peer, verdict in verdicts.items()
                ],
            }
        )
    return {"one": [row for row in suite if row["name"] != without]}


def test_every_row_is_measured_by_a_suite():
    assert {name for name, _, _ in rows.ASKED} <= measured()


def test_every_name_of_a_row_is_asked_for():
    names = {name for name in vars(rows) if name.isupper() and not name.startswith("_")}
    assert names - {"ASKED"} == {name for name, _, _ in rows.ASKED}


def test_a_run_with_every_row_lacks_nothing():
    assert rows.missing(results()) == []


@pytest.mark.parametrize(("name", "filling", "_peers"), rows.ASKED)
def test_a_row_that_is_left_out_is_missing(name, filling, _peers):
    row = getattr(rows, name).format(**filling)
    assert rows.missing(results(without=row)) == [row.strip()]


def test_a_peer_that_was_not_there_is_missing():
    assert rows.missing(results(unjudged="pyrage")) == ["encrypt 64 MiB, text: pyrage"]
