"""What a person sees of a refusal: the checks that held, the one that did not, the others."""

from datetime import timedelta

import pytest

from pycape import _evidence, attestation, errors
from pycape.cli._verdict import as_rows

from .judge_vector import EPOCH, judge, load, releases
from .vectors.about_purposes import SESSION, stated
from .vectors.case import FOLDER
from .vectors.chain import NOW_MS, ROOT, around, chain
from .vectors.document import NONCE, VAULT, document, policy

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
    told = until(raised.value, vector, any_purpose=any_purpose)
    names = [check.name for check in told]
    assert names == [name for name in _evidence.NAMES if name in names], "the order of the page"
    place = names.index(failed)
    assert told[place].held is False
    if name != "pcr3_differs":
        assert told[place].evidence == str(raised.value)
    unasked = {"purpose"} if any_purpose else set()
    if not any(release.vault for release in releases(vector).releases):
        unasked.add("vault")
    for check in told[:place]:
        assert check.held is (None if check.name in unasked else True), check.name
        assert check.evidence, f"{check.name} is seen by something"
    assert {(check.held, check.evidence) for check in told[place + 1 :]} <= {(None, "not reached")}
    rows = as_rows(told).splitlines()
    assert max(map(len, rows)) <= 80
    assert [row for row in rows if row.startswith("  FAILED  ")] == [
        row for row in rows if row.startswith(f"  FAILED  {failed}  ")
    ]


def until(error, vector, *, any_purpose):
    """Return what is told of a document that was refused for `error`."""
    return _evidence.checks_until(
        error,
        vector["document"],
        policy=releases(vector),
        trust_roots=attestation.TrustRoots([vector["trust_root"]]),
        now=EPOCH + timedelta(milliseconds=vector["now_ms"]),
        any_purpose=any_purpose,
    )


def test_what_held_of_a_refused_document_is_told_as_of_one_that_was_approved():
    refused, approved = load(FOLDER / "vault_differs_session.json"), load(FOLDER / "session.json")
    with pytest.raises(errors.VaultMismatch) as raised:
        judge(refused)
    told = {each.name: each.evidence for each in until(raised.value, refused, any_purpose=False)}
    same = _evidence.checks(
        judge(approved),
        policy=releases(approved),
        trust_roots=attestation.TrustRoots([approved["trust_root"]]),
        now=EPOCH + timedelta(milliseconds=approved["now_ms"]),
    )
    for name, evidence in {each.name: each.evidence for each in same}.items():
        if name not in {"form", "chain", "vault"}:
            assert told[name] == evidence
    assert told["form"] == f"COSE_Sign1 with ES384, {len(refused['document']):,} bytes"
    assert "signed by the one above" in told["chain"]


def test_measurements_that_differ_are_told_whole():
    vector = load(FOLDER / "pcr3_differs.json")
    with pytest.raises(errors.PcrMismatch) as raised:
        judge(vector)
    told = {each.name: each.evidence for each in until(raised.value, vector, any_purpose=True)}
    assert told["measurements"].startswith("PCR3 ")
    assert f"expected {raised.value.expected} " in told["measurements"]
    assert told["measurements"].endswith(f"actual {raised.value.actual}")


def test_a_document_that_is_not_there_shows_nothing():
    vector = load(FOLDER / "nonce_other.json")
    with pytest.raises(errors.NonceMismatch) as raised:
        judge(vector)
    told = until(raised.value, {**vector, "document": None}, any_purpose=True)
    held = [check for check in told if check.held]
    assert held
    assert {check.evidence for check in held} == {""}


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


def test_a_clock_that_is_a_few_seconds_slow_is_told_of():
    seconds = 1000
    new = chain(leaf={"validity": around(timedelta(seconds=-3), timedelta(hours=3))})
    assert evidence({}, chain=new, now_ms=NOW_MS - 3 * seconds)["age"].held is True
    with pytest.raises(errors.CertificateExpired) as raised:
        evidence({}, chain=new, now_ms=NOW_MS - 4 * seconds)
    assert "seconds slow or fast can be enough" in raised.value.hint
    assert "valid from 2026-01-15T11:59:57Z" in str(raised.value)
    old = chain(leaf={"validity": around(timedelta(minutes=-3), timedelta(hours=3))})
    assert evidence({}, chain=old, now_ms=NOW_MS - 120 * seconds)["age"].held is True


def test_a_clock_that_is_a_few_seconds_fast_is_told_of():
    seconds = 1000
    ending = chain(leaf={"validity": around(timedelta(hours=-3), timedelta(seconds=3))})
    assert evidence({}, chain=ending, now_ms=NOW_MS + 3 * seconds)["age"].held is True
    with pytest.raises(errors.CertificateExpired) as raised:
        evidence({}, chain=ending, now_ms=NOW_MS + 4 * seconds)
    assert "seconds slow or fast can be enough" in raised.value.hint
    assert "2026-01-15T12:00:03Z" in str(raised.value)


def test_an_old_document_is_told_to_be_judged_at_its_own_time():
    with pytest.raises(errors.CertificateExpired) as raised:
        evidence({}, now_ms=NOW_MS + 366 * 24 * 3_600_000)
    assert "an old document has to be judged at its own time" in raised.value.hint


OF_OTHERS = {"pcr0": "99" * 48, "vault": "11" * 32, "not_after": "2026-01-01"}


def evidence(
    *tables: dict[str, str], now_ms: int = NOW_MS, **changes
) -> dict[str, _evidence.Check]:
    """Return the checks of a document with these fields, judged by these releases, by name."""
    vector = {
        "document": document(**changes),
        "trust_root": ROOT,
        "policy": policy(*tables),
        "purpose": "any",
        "nonce": NONCE,
        "now_ms": now_ms,
        "max_age_ms": 300_000,
    }
    told = _evidence.checks(
        judge(vector),
        policy=releases(vector),
        trust_roots=attestation.TrustRoots([ROOT]),
        now=EPOCH + timedelta(milliseconds=now_ms),
        any_purpose=True,
    )
    return {check.name: check for check in told}


@pytest.mark.parametrize("tables", [({}, OF_OTHERS), (OF_OTHERS, {"name": "release 0"})])
@pytest.mark.parametrize("user_data", [None, stated(SESSION)], ids=["nothing", "session"])
def test_the_vault_of_another_release_does_not_count(tables, user_data):
    told = evidence(*tables, user_data=user_data)
    assert told["vault"] == _evidence.Check("vault", None, "release 'release 0' names none")
    assert told["measurements"].held is True
    assert not [check for check in told.values() if check.held is False]


def test_the_vault_of_the_release_that_fits_counts():
    told = evidence(OF_OTHERS, {"vault": VAULT.hex()}, user_data=stated(SESSION))
    expected = f"{VAULT.hex()[:16]}..., as release 'release 1' says"
    assert told["vault"] == _evidence.Check("vault", True, expected)


def test_the_end_of_another_release_does_not_count():
    assert "date" not in evidence(OF_OTHERS, {})
    told = evidence(OF_OTHERS, {"not_after": "2026-02-01"})
    expected = "release 'release 1' is approved until 2026-02-01T23:59:59Z"
    assert told["date"] == _evidence.Check("date", True, expected)


def test_of_releases_that_differ_in_their_end_it_is_not_the_one_that_is_over():
    names = {"name": "a release"}
    told = evidence({**names, "not_after": "2026-01-01"}, {**names, "not_after": "2026-02-01"})
    assert "2026-02-01" in told["date"].evidence
    assert "date" not in evidence({**names, "not_after": "2026-01-01"}, names)


def test_a_refusal_for_its_date_tells_of_the_vault_of_that_release():
    over = {"not_after": "2026-01-01"}
    with pytest.raises(errors.PcrMismatch) as raised:
        evidence(over, OF_OTHERS)
    ends = releases({"policy": policy(over, OF_OTHERS)})
    told = _evidence.checks_until(
        raised.value,
        None,
        policy=ends,
        trust_roots=attestation.TrustRoots([ROOT]),
        now=None,
        any_purpose=True,
    )
    assert {check.name: check.held for check in told[-3:]} == {
        "measurements": True,
        "vault": None,
        "date": False,
    }
