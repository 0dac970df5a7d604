"""What a person sees of a refusal: the checks that held, the one that did not, the others."""

from datetime import timedelta

import pytest

from pycape import _evidence, attestation, errors
from pycape.cli._verdict import as_rows

from .judge_vector import EPOCH, judge, load, releases
from .vectors.case import FOLDER

# Each error that a document can meet, and the check that a person is told has failed.
FAILED = {
    "payload_cut": "form",
    "root_last": "trust root",
    "signature_altered_zone": "chain",
    "leaf_after_last_second": "chain",
    "signature_by_nobody": "signature",
    "time_too_old": "age",
    "nonce_other": "nonce",
    "session_without_user_data": "purpose",
    "session_with_public_key": "purpose",
    "debug_genuine": "debug mode",
    "pcr3_differs": "measurements",
    "vault_differs_session": "vault",
    "release_day_over": "date",
}


@pytest.mark.parametrize(("name", "failed"), FAILED.items(), ids=FAILED)
def test_a_refusal_tells_how_far_it_came(name, failed):
    vector = load(FOLDER / f"{name}.json")
    any_purpose = vector["purpose"] == "any"
    with pytest.raises(errors.AttestationError) as raised:
        judge(vector)
    told = _evidence.checks_until(raised.value, policy=releases(vector), any_purpose=any_purpose)
    names = [check.name for check in told]
    assert names == [name for name in _evidence.NAMES if name in names], "the order of the page"
    place = names.index(failed)
    assert told[place] == _evidence.Check(failed, False, str(raised.value))
    unasked = {"purpose"} if any_purpose else set()
    if not any(release.vault for release in releases(vector).releases):
        unasked.add("vault")
    for check in told[:place]:
        assert check.held is (None if check.name in unasked else True), check.name
    assert {(check.held, check.evidence) for check in told[place + 1 :]} <= {(None, "not reached")}
    rows = as_rows(told).splitlines()
    assert max(map(len, rows)) <= 80
    assert [row for row in rows if row.startswith("  FAILED  ")] == [
        row for row in rows if row.startswith(f"  FAILED  {failed}  ")
    ]


def test_each_kind_of_refusal_is_shown():
    kinds = {load(FOLDER / f"{name}.json")["error"] for name in FAILED}
    assert kinds == {kind.__name__ for kind in errors.AttestationError.__subclasses__()} - {
        "ReceiptInvalid"
    }


@pytest.mark.parametrize(
    "name", ["session", "chain_in_order", "release_day_at_end", "leaf_last_second"]
)
def test_an_approval_shows_each_check(name):
    vector = load(FOLDER / f"{name}.json")
    any_purpose = vector["purpose"] == "any"
    told = _evidence.checks(
        judge(vector),
        policy=releases(vector),
        trust_roots=attestation.TrustRoots([vector["trust_root"]]),
        now=EPOCH + timedelta(milliseconds=vector["now_ms"]),
        any_purpose=any_purpose,
    )
    assert not [check for check in told if check.held is False]
    evidence = {check.name: check.evidence for check in told}
    assert evidence["measurements"] == "PCR0 as in release 'release 0'"
    assert ("date" in evidence) == (name == "release_day_at_end")
    assert max(map(len, as_rows(told).splitlines())) <= 80
