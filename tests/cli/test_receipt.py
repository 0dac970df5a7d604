"""cape run --receipt, and cape receipt: what is kept of a run, and each check of it."""

import json
import re
import stat
from pathlib import Path

import pytest

from pycape import errors

CHECKS = [
    "receipt",
    "form",
    "trust root",
    "chain",
    "signature",
    "age",
    "nonce",
    "purpose",
    "debug mode",
    "measurements",
    "vault",
    "receipt key",
    "its signature",
    "document",
    "time",
    "function",
    "call",
    "output",
    "input",
]
DATA = ("--input", "in", "--output", "out")


@pytest.fixture
def kept(cape, echo):
    """A receipt that was kept, with the run's input and output beside it."""
    Path("in").write_bytes(b"hello")
    cape.ok("run", echo["function_id"], "-f", "in", "-o", "out", "--receipt", "run.receipt")
    return "run.receipt"


def held(checks):
    return {check["name"]: check["held"] for check in checks}


def test_what_is_kept(kept):
    assert Path("out").read_bytes() == b"hello"
    assert stat.S_IMODE(Path("run.receipt.salts").stat().st_mode) == 0o600
    assert b"hello" not in Path(kept).read_bytes()


def test_every_check_with_its_evidence(cape, echo, kept):
    data = cape.data("receipt", "verify", kept, *DATA, "--function", echo["function_checksum"])
    assert [check["name"] for check in data["checks"]] == CHECKS
    unasked = {"nonce": None, "call": None}
    assert held(data["checks"]) == {**dict.fromkeys(CHECKS, True), **unasked}
    assert all(check["evidence"] for check in data["checks"])
    assert data["receipt"]["checksum"] == echo["function_checksum"]
    assert data["receipt"]["document_sha384"] == data["document_sha384"]
    nonce = data["receipt"]["call_nonce"]
    named = cape.data("receipt", "verify", kept, "--nonce", nonce)
    assert held(named["checks"])["call"] is True
    assert held(named["checks"])["input"] is held(named["checks"])["output"] is None


def test_a_person_sees_the_same(cape, kept):
    text = cape.ok("receipt", "verify", kept, *DATA).text
    for check in CHECKS:
        mark = "-   " if check in {"nonce", "function", "call"} else "held"
        assert re.search(rf"^  {mark}    {check}  ", text, re.MULTILINE), check
    assert "run.receipt: a receipt of an approved enclave" in text
    assert "development: a root of somebody's own" in text
    run = text.partition("the run\n")[2].partition("\n\n")[0]
    assert run
    assert max(map(len, text.splitlines())) <= 80


def test_json_of_a_run_has_the_receipt(cape, echo):
    data = cape.data("run", echo["function_id"], "hello")
    assert data["receipt"]["outcome"] == "success"
    assert data["receipt"]["checksum"] == echo["function_checksum"]


@pytest.mark.parametrize(
    ("arguments", "failed", "reason"),
    [
        (("--function", "00" * 32), "function", "function"),
        (("--nonce", "00" * 32), "call", "call nonce"),
        (("--input", "other"), "input", "another input"),
        (("--output", "other"), "output", "another output"),
        (("--input", "in", "--salts", "swapped"), "input", "another input"),
    ],
)
def test_what_does_not_hold_is_shown(cape, kept, arguments, failed, reason):
    Path("other").write_bytes(b"hellO")
    salts = Path("run.receipt.salts").read_bytes()
    Path("swapped").write_bytes(salts[:4] + bytes(32) + salts[36:])
    refused = cape("receipt", "verify", kept, *arguments)
    assert refused.status == 77
    assert re.search(rf"^  FAILED  {failed} .*", refused.text, re.MULTILINE)
    error = cape.error("receipt", "verify", kept, *arguments)
    assert error["code"] == errors.ReceiptInvalid.code
    assert reason in error["message"].replace("another call", "call nonce")
    checks = held(error["data"]["checks"])
    assert checks[failed] is False
    assert checks["its signature"] is True
    approved = {
        each["name"]: each["evidence"] for each in cape.data("receipt", "verify", kept)["checks"]
    }
    for check in error["data"]["checks"]:
        assert check["evidence"], check
        if check["name"] in {"receipt", "receipt key", "its signature", "document", "time"}:
            assert check["evidence"] == approved[check["name"]]


def test_a_document_that_is_refused_is_shown_too(cape, kept):
    profile = cape.ok("config", "export").text
    policy = re.sub(r'(pcr1 = ")..', r"\g<1>ff", profile[profile.index("[[release]]") :])
    Path("policy.toml").write_text(policy)
    arguments = ("receipt", "verify", kept, "--policy", "policy.toml")
    error = cape.error(*arguments, "--profile", "local")
    assert error["code"] == errors.PcrMismatch.code
    checks = held(error["data"]["checks"])
    assert checks["measurements"] is False
    assert checks["receipt key"] is checks["input"] is None
    assert all(check["evidence"] for check in error["data"]["checks"])
    assert error["data"]["mismatch"]["index"] == 1
    assert max(map(len, cape(*arguments, "--profile", "local").text.splitlines())) <= 80
    assert cape.error(*arguments)["code"] == errors.TrustRootMismatch.code, "AWS's root is meant"


def test_a_receipt_that_was_altered(cape, kept):
    octets = bytearray(Path(kept).read_bytes())
    octets[300] ^= 1
    Path(kept).write_bytes(octets)
    error = cape.error("receipt", "verify", kept)
    assert error["code"] == errors.ReceiptInvalid.code
    Path(kept).write_bytes(b"no receipt")
    error = cape.error("receipt", "verify", kept)
    assert held(error["data"]["checks"]) == {"receipt": False}
    assert cape.error("receipt", "show", kept)["status"] == 65


def test_a_receipt_that_is_cut_is_refused(cape, kept):
    Path(kept).write_bytes(Path(kept).read_bytes()[:-1])
    for command in ("verify", "show"):
        error = cape.error("receipt", command, kept)
        assert (error["status"], error["code"]) == (77, errors.ReceiptInvalid.code)


def test_what_is_no_receipt_is_told_before_anything_else_is_missing(stranger):
    Path("letter").write_bytes(b"no receipt")
    error = stranger.error("receipt", "verify", "letter")
    assert (error["status"], error["code"]) == (65, "CAPE-CLI-003"), "not that there is no policy"
    assert error["message"] == "letter is no receipt: it begins as none does"
    assert held(error["data"]["checks"]) == {"receipt": False}
    assert "FAILED  receipt" in stranger("receipt", "verify", "letter").text


def test_a_receipt_needs_a_policy(stranger, kept):
    assert "no policy" in stranger.error("receipt", "verify", kept)["message"]


def test_without_salts_data_is_not_compared(cape, kept):
    Path("run.receipt.salts").unlink()
    cape.ok("receipt", "verify", kept)
    error = cape.error("receipt", "verify", kept, *DATA)
    assert "without its salt" in error["message"]
    assert held(error["data"]["checks"])["output"] is False


def test_a_ciphertext_needs_no_salts(cape, echo):
    cape.ok("encrypt", "a secret", "-o", "sealed")
    cape.ok("run", echo["function_id"], "-f", "sealed", "-o", "out", "--receipt", "run.receipt")
    Path("run.receipt.salts").unlink()
    data = cape.data("receipt", "verify", "run.receipt", "--input", "sealed")
    assert held(data["checks"])["input"] is True


@pytest.mark.parametrize("form", ["--binary", "--text"])
def test_a_ciphertext_is_compared_as_it_was_sent(cape, echo, form):
    """That is the text form, without the line end that an editor adds."""
    cape.ok("encrypt", "-f", "-", form, "-o", "sealed", stdin=b"secret")
    if form == "--text":
        Path("sealed").write_bytes(Path("sealed").read_bytes() + b"\n")
    cape.ok("run", echo["function_id"], "-f", "sealed", "-o", "out", "--receipt", "run.receipt")
    data = cape.data("receipt", "verify", "run.receipt", "--input", "sealed")
    assert held(data["checks"])["input"] is True


def test_a_run_that_failed_leaves_one(cape, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "app.py").write_text("def cape_handler(data):\n    raise ValueError(data)\n")
    broken = cape.data("deploy", folder)
    failed = cape("run", broken["function_id"], "data", "--receipt", "failed.receipt")
    assert failed.status == 1
    Path("in").write_bytes(b"data")
    data = cape.data("receipt", "verify", "failed.receipt", "--input", "in")
    assert data["receipt"]["outcome"] == "FunctionError"


def test_what_is_shown_says_that_nothing_was_verified(cape, stranger, kept):
    shown = stranger.ok("receipt", "show", kept).text
    assert shown.startswith("run.receipt: a receipt, NOT VERIFIED\n")
    data = stranger.data("receipt", "show", kept)
    assert data["verified"] is False
    assert data["receipt"]["outcome"] == "success"
    bare = json.loads(stranger.ok("receipt", "show", kept, "-o", "json").text)
    assert bare == data
    assert stranger.ok("receipt", "show", kept, "-q").line == data["receipt"]["checksum"]


def test_cape_inspect_knows_it(stranger, kept):
    data = stranger.data("inspect", kept)
    assert (data["kind"], data["verified"]) == ("receipt", False)
    assert data["facts"]["outcome"] == "success"
    assert "nothing of it was verified" in stranger.ok("inspect", kept).text
    Path(kept).write_bytes(Path(kept).read_bytes()[:-1])
    assert stranger("inspect", kept).status != 0


def test_arguments_that_are_none(cape, kept):
    for wrong in (("--function", "12"), ("--nonce", "zz"), ("--nonce", "00")):
        assert cape.error("receipt", "verify", kept, *wrong)["status"] == 2
    assert cape.error("receipt", "verify", "missing")["status"] == 66
    assert cape.error("receipt", "verify", kept, "--input", "missing")["status"] == 66
