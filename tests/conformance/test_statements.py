"""`statements/` and `access/`: judged by the second implementation, and by the package."""

import pytest
from tests.independent import rights
from tests.independent.errors import CapeError as RefusedByTheOther
from tests.independent.statements import (
    EPOCH,
    MANIFEST,
    NAME,
    REVOCATIONS,
    TOKEN,
    Function,
    read_manifest,
)

from pycape import _core, errors

from .case import load

STATEMENTS, ACCESS = load("statements"), load("access")


def by_name(vector):
    return vector["name"]


@pytest.mark.parametrize("vector", STATEMENTS, ids=by_name)
def test_the_other_implementation_says_what_is_written(vector):
    verdict = None
    try:
        statement = read(vector)
        assert rights.jws.account_key(vector["account"]) == statement.account
        if vector["type"] == MANIFEST:
            function = read_manifest(vector["statement"])
            follows = function.checksum.hex(), function.id
            assert follows == (vector["checksum"], vector["function_id"])
    except RefusedByTheOther as error:
        verdict = type(error).__name__
    assert verdict == vector["error"]


def read(vector):
    if "method" in vector:
        return rights.judge_request(
            vector["statement"], vector["method"], vector["path"], vector["now_ms"]
        )
    return rights.read(vector["statement"], vector["type"])


# What the package reads itself. Owner proofs are for enclaves.
READERS = {
    MANIFEST: lambda text: _core.Manifest.verify(text).account,
    TOKEN: lambda text: _core.TokenClaims.read(text).account,
    NAME: lambda text: _core.verify_name_claim(text)[0],
    EPOCH: lambda text: _core.verify_epoch_record(text)[0],
    REVOCATIONS: lambda text: _core.RevocationList.verify(text).account,
}


@pytest.mark.parametrize(
    "vector", [vector for vector in STATEMENTS if vector["type"] in READERS], ids=by_name
)
def test_the_package_reads_what_is_written(vector):
    def account():
        return READERS[vector["type"]](vector["statement"])

    assert outcome(account) == (vector["error"] or vector["account"])


@pytest.mark.parametrize(
    "vector", [vector for vector in STATEMENTS if "method" in vector], ids=by_name
)
def test_the_package_judges_requests(vector):
    def account():
        sent = vector["method"], vector["path"], vector["now_ms"]
        return _core.verify_request(vector["statement"], *sent)[0]

    assert outcome(account) == (vector["error"] or vector["account"])


def outcome(judge):
    """Return what was found, or the name of the error."""
    try:
        return judge()
    except errors.CapeError as error:
        return type(error).__name__


@pytest.mark.parametrize("vector", ACCESS, ids=by_name)
def test_who_may_run(vector):
    caller = error_class = None
    try:
        caller = decide(vector, read_manifest(vector["manifest"]))
    except RefusedByTheOther as error:
        error_class = type(error).__name__
    assert error_class == vector["error"]
    assert caller == vector.get("caller")


def decide(vector, function: Function) -> str:
    seen = vector["seen"]
    return rights.authorize(
        function,
        token=vector["token"],
        owner_proof=vector["owner_proof"],
        records=vector["records"],
        owner_session=vector["owner_session"],
        highest_number=rights.read(seen, REVOCATIONS).members["number"] if seen else 0,
        now_ms=vector["now_ms"],
    )
