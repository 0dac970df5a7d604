"""The files of `tests/vectors/attestation/`: made anew, complete, and judged by two verifiers."""

import re
from functools import partial
from pathlib import Path

import pytest
from tests.independent import attestation as independent
from tests.independent.errors import CapeError as RefusedByTheOther
from tests.independent.policy import read as read_policy

from pycape import attestation, errors

from .judge_vector import judge, load
from .vectors import CASES
from .vectors.case import FOLDER

SPECIFICATION = Path(__file__).parents[2] / "docs" / "spec" / "attestation.md"


def test_the_files_are_those_that_are_made():
    assert {case.path.name for case in CASES} == {path.name for path in FOLDER.iterdir()}
    assert len({case.name for case in CASES}) == len(CASES)
    changed = [case.name for case in CASES if case.path.read_text() != case.as_json()]
    assert not changed


def test_each_check_of_the_specification_has_a_file():
    listed = SPECIFICATION.read_text().partition("## Test vectors")[2]
    rows = re.findall(r"^\| (\d) \| (.+) \|$", listed, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 9))
    named = re.findall(r"`([a-z0-9.-]+)`", "".join(names for _, names in rows))
    assert len(set(named)) == len(named)
    assert set(named) == {case.check for case in CASES}
    tried = {case.check for case in CASES if case.error}
    assert set(named) - tried == {"cbor.containers"}, "where there is nothing to refuse"


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def vector(request) -> dict:
    """The file itself, whatever would be made."""
    return load(request.param.path)


CACHE = attestation.ChainCache()


def test_the_package_says_what_is_written(vector):
    for cache in (None, CACHE):
        if vector["error"] is None:
            assert judge(vector, cache).document == vector["document"]
            continue
        with pytest.raises(errors.AttestationError) as raised:
            judge(vector, cache)
        assert type(raised.value).__name__ == vector["error"]
        assert str(raised.value) == vector["detail"]
        of_many_defects = isinstance(raised.value, errors.DocumentMalformed | errors.ChainInvalid)
        assert ("reason" in raised.value.details) == of_many_defects


def test_the_reason_says_which_of_many_defects_it_is():
    for name, details in {
        "missing_nonce": {"reason": "field_missing", "field": "nonce"},
        "payload_cut": {"reason": "cbor_truncated", "part": "payload"},
        "session_unsorted": {
            "reason": "cbor_unsorted_keys",
            "part": "user_data",
            "check": "purpose",
        },
        "serial_negative": {"reason": "der_integer_negative", "certificate": "2"},
    }.items():
        with pytest.raises(errors.AttestationError) as raised:
            judge(load(FOLDER / f"{name}.json"), None)
        assert raised.value.details == details


# Where the second verifier rests on pyca/cryptography, which reads DER less strictly.
LENIENT = {
    "algorithm_rsa_signed",
    "algorithm_sha256_signed",
    "constraints_path_length_beyond_limit",
    "time_generalized_2027",
    "time_of_1969",
    "unique_id_of_issuer",
    "unique_id_of_subject",
    "usage_of_three_bytes",
    "usage_trailing_zeros",
}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_second_verifier_says_the_same(vector):
    verify = {
        "any": partial(
            independent.verify_any, nonce=vector["nonce"], max_age_ms=vector["max_age_ms"]
        ),
        "session": partial(independent.verify_session, nonce=vector["nonce"]),
        "vault-birth": independent.verify_birth,
    }[vector["purpose"]]
    try:
        verify(
            vector["document"],
            trust_roots=[vector["trust_root"]],
            releases=read_policy(vector["policy"]),
            now_ms=vector["now_ms"],
        )
        verdict = None
    except RefusedByTheOther as error:
        verdict = type(error).__name__
    assert verdict == (None if vector["name"] in LENIENT else vector["error"])
