import json

import pytest

pytest.importorskip("sklearn")

pytestmark = pytest.mark.network

GOOD = {"income": 62000, "debt": 2000, "years_employed": 10, "late_payments": 0, "credit_lines": 3}
BAD = {"income": 42000, "debt": 29000, "years_employed": 1, "late_payments": 3, "credit_lines": 3}


def applicant(fields: dict) -> bytes:
    return json.dumps(fields).encode()


def test_an_applicant_is_scored(run):
    good, bad = (json.loads(run(applicant(fields))) for fields in (GOOD, BAD))
    assert (good["decision"], good["reasons"]) == ("approve", [])
    assert bad["decision"] == "decline"
    assert bad["reasons"][0] == "late_payments"
    assert 0 < good["probability"] < 0.1
    assert 0.3 < bad["probability"] < 1


def test_what_speaks_against_an_applicant_raises_the_probability(run):
    before = json.loads(run(applicant(GOOD)))["probability"]
    for change in ({"debt": 60_000}, {"late_payments": 2}, {"years_employed": 0}):
        assert json.loads(run(applicant(GOOD | change)))["probability"] > before


@pytest.mark.parametrize("value", [-1, 10_000_001, "much", None, True, float("nan"), [1]])
def test_a_value_that_is_none_is_refused(refusal, value):
    said = "ValueError: income is a number from 0 to 10,000,000"
    assert refusal(applicant(GOOD | {"income": value})) == said


def test_other_fields_are_refused(refusal):
    said = "ValueError: missing: ['debt'], unknown: ['name']"
    fields = {key: value for key, value in GOOD.items() if key != "debt"}
    assert refusal(applicant(fields | {"name": "Ann"})) == said
    for data in (b"", b"[]", b"1", b"\xff", b"[" * 100_000):
        assert refusal(data).startswith("ValueError: an applicant is JSON with income, debt, ")
