"""A result is given, though something that belongs to it cannot be written; then that is told."""

import json
from pathlib import Path

import pytest

NO_OUTPUT = 1
FULL = "/dev/full: no space left on device"
TOLD = f"cape: error: {FULL}\n\nhint: make room there, or choose another place\n"


@pytest.fixture
def run(echo) -> list[str]:
    return ["run", echo["function_id"], "hello"]


def test_an_output_without_its_receipt(cape, run):
    outcome = cape(*run, "--receipt", "/dev/full")
    assert (outcome.status, outcome.stdout) == (NO_OUTPUT, b"hello")
    assert outcome.stderr == TOLD
    assert cape(*run, "--receipt", "/dev/full", "-o", "out").status == NO_OUTPUT
    assert Path("out").read_bytes() == b"hello"


def test_programs_get_one_object_with_both(cape, run):
    outcome = cape(*run, "--receipt", "/dev/full", "--json")
    assert (outcome.status, outcome.stderr) == (NO_OUTPUT, "")
    assert (outcome.json["ok"], outcome.json["error"]["message"]) == (False, FULL)
    assert outcome.json["data"]["output"]["text"] == "hello"
    bare = cape(*run, "--receipt", "/dev/full", "-o", "json")
    assert (bare.status, bare.json["output"]["text"]) == (NO_OUTPUT, "hello")
    assert bare.stderr == TOLD


def test_a_receipt_without_its_output(cape, run):
    outcome = cape(*run, "--receipt", "run.receipt", "-o", "/dev/full")
    assert (outcome.status, outcome.stderr) == (NO_OUTPUT, TOLD)
    cape.ok("receipt", "verify", "run.receipt")
    outcome = cape(*run, "-o", "/dev/full", "--json")
    assert outcome.json["data"]["output"]["text"] == "hello", "programs get it all the same"


def test_both_are_told_where_neither_can_be_written(cape, run):
    both = f"cape: error: {FULL}\n{TOLD}"
    assert cape(*run, "--receipt", "/dev/full", "-o", "/dev/full").stderr == both
    outcome = cape(*run, "--receipt", "/dev/full", "-o", "/dev/full", "--json")
    assert outcome.json["error"]["message"] == outcome.json["data"]["not_written"] == FULL


def test_a_run_that_failed_is_told_though_its_receipt_is_not_kept(cape, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "app.py").write_text("def cape_handler(data):\n    raise OSError(1)\n")
    broken = cape.data("deploy", "broken")["function_id"]
    outcome = cape("run", broken, "x", "--receipt", "/dev/full")
    assert outcome.status == 1
    assert f"cape: error: {FULL}\n" in outcome.stderr
    assert "cape: error: the function failed: " in outcome.stderr


def test_a_verdict_that_cannot_be_kept_is_shown(cape, tmp_path):
    outcome = cape("attest", "--save", "/dev/full")
    assert (outcome.status, outcome.stderr) == (NO_OUTPUT, TOLD)
    assert "a genuine enclave" in outcome.text
    outcome = cape("attest", "--save", "/dev/full", "--json")
    assert (outcome.json["ok"], outcome.json["data"]["verdict"]) == (False, "approved")
    (tmp_path / "doc").write_bytes(b"\x84 module_id")
    outcome = cape("attest", "-f", "doc", "--any-nonce", "--save", "/dev/full")
    assert outcome.status == 77, "a refusal stays one"
    assert f"cape: error: {FULL}\n" in outcome.stderr
    assert json.loads(cape("attest", "--save", "/dev/full", "-o", "json").stdout)["trust"]
