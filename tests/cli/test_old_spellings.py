"""What users of the first system type: it works, or is answered with what to do instead."""

import json
import re
import shlex
from pathlib import Path

import pytest
from pages import ROOT

from pycape import FunctionRef, errors
from pycape.cli.run import command as run_command
from pycape.demo import echo_folder

USAGE = 2


@pytest.fixture
def names(cape, echo, platform) -> dict[str, str]:
    """What lines name: a function, its folder, and the enclave's measurement."""
    [measured] = cape.data("get-pcrs")["pcrs"]["0"]
    Path("input").write_bytes(b"hello")
    Path("functions").mkdir()
    Path("functions/echo").symlink_to(echo_folder())
    return {"ID": echo["function_id"], "HEX": measured, "CHECKSUM": echo["function_checksum"]}


def typed(line: str, names: dict[str, str]) -> list[str]:
    for name, value in names.items():
        line = line.replace(name, value)
    return shlex.split(line)[1:]


@pytest.mark.parametrize(
    "line",
    [
        "cape run ID hello",
        "cape run ID -f input",
        "cape run ID -f -",
        "cape run ID hello --function-checksum CHECKSUM",
        "cape run ID hello --pcr 0:HEX",
        "cape run --pcr 0:HEX ID hello",
        f"cape run --pcr 0:{'ab' * 48} --pcr 0:HEX ID hello",
        "cape run ID hello --pcr 0:HEX --stream -o -",
        "cape test functions/echo hello",
        "cape test functions/echo hello --pcr 0:HEX",
        "cape test functions/echo -f input",
    ],
)
def test_a_function_runs(cape, names, line):
    assert cape.ok(*typed(line, names), stdin=b"hello").stdout == b"hello"


def test_a_function_is_deployed_listed_and_deleted(cape, names):
    deployed = cape.ok(*typed("cape deploy functions/echo -n mine", names)).text
    function, checksum, name = (line.split()[-1] for line in deployed.splitlines())
    assert name == "mine"
    assert f"{function:28}  mine (version 1)" in cape.ok("list").text.splitlines()
    for line in (
        "cape deploy functions/echo -n mine -o json",
        "cape -o json deploy functions/echo -n mine",
    ):
        ref = FunctionRef.from_json(cape.ok(*typed(line, names)).text)
        assert (ref.id, ref.checksum) == (function, checksum)
    assert "mine" in cape.ok("delete", function, "--yes").text
    assert function not in cape.ok("list").text


@pytest.mark.parametrize("expiry", ["", "--expiry 300s", "--expiry 300", "--expiry 1h"])
def test_a_token_is_made(cape, bob, names, expiry):
    line = f"cape token create --name resnet --function ID {expiry}"
    token = cape.ok(*typed(line, names)).line
    Path("token").write_text(token)
    assert bob.ok("run", names["ID"], "hello", "-t", "token").text == "hello"
    made = json.loads(cape.ok(*typed(line, names), "-o", "json").text)
    assert (made["name"], made["token"].count(".")) == ("resnet", 2)


def test_a_key_and_a_ciphertext(cape, names):
    key = cape.ok("key").line
    assert key == cape.ok("keys", "show").line
    assert cape.ok("key", "--pcr", f"0:{names['HEX']}").line == key
    assert cape.ok("encrypt", "hello world").line.startswith("cape:")


def test_measurements_are_printed(cape, names):
    assert f"PCR0: {names['HEX']}" in cape.ok("get-pcrs").text.splitlines()
    attested = cape.data("attest")["pcrs"]
    assert cape.data("get-pcrs")["pcrs"]["0"] == [attested["0"]]


def test_another_measurement_is_refused(cape, names):
    other = "ab" * 48
    for line in (f"cape run ID hello --pcr 0:{other}", f"cape key --pcr 0:{other}"):
        error = cape.error(*typed(line, names))
        assert (error["status"], error["code"]) == (77, errors.PcrMismatch.code)


@pytest.mark.parametrize("given", ["HEX", "x:HEX", "0:", "0:xyz", "0:abcd", "32:HEX", "99:HEX"])
def test_what_is_no_measurement(cape, names, given):
    error = cape.error(*typed(f"cape run ID hello --pcr {given}", names))
    assert error["status"] == USAGE
    assert error["message"].startswith("--pcr is no register with its measurement: ")
    assert "an index of 0 to 31, a colon, and 96 hexadecimal digits" in error["hint"]


def test_a_file_of_a_key_has_no_measurements(cape, names):
    cape.ok("keys", "generate", "me.key")
    error = cape.error(*typed("cape key me.key --pcr 0:HEX", names))
    assert (error["status"], error["message"]) == (USAGE, "--pcr is for the account's key")


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("cape login", "nothing to log in to", "`cape join FILE`"),
        ("cape login me@example.org", "nothing to log in to", "`cape join FILE`"),
        ("cape signup", "nothing to sign up for", "`cape accounts name NAME`"),
        ("cape token delete abcd", "not deleted but revoked", "`cape token revoke TOKEN`"),
        ("cape function create --name x", "by deploying its folder", "`cape deploy FOLDER`"),
        ("cape deploy DIR --pcr 0:HEX", "no such option '--pcr'", "`cape config`"),
        ("cape encrypt hello --pcr 0:HEX", "no such option '--pcr'", "`cape config`"),
    ],
)
def test_what_has_no_meaning_is_answered(stranger, line, message, hint):
    error = stranger.error(*shlex.split(line)[1:])
    assert error["status"] == USAGE
    assert message in error["message"]
    assert hint in error["hint"]


def test_old_commands_are_not_listed(stranger):
    assert "delete" not in stranger.ok("token", "--help").text
    assert "create" not in stranger.ok("function", "--help").text
    assert stranger.error("token", "delet")["hint"] == "`cape token --help` lists them"


def test_the_page_says_the_same_of_options_that_are_still_there():
    page = (ROOT / "docs/guide/migration.md").read_text("utf-8")
    rows = re.findall(r"^\| `(--[\w-]+) [^|]+` \| (.+) \|$", page, re.MULTILINE)
    taken = {option for parameter in run_command.params for option in parameter.opts}
    assert rows
    assert [option for option, now in rows if (option in taken) != now.startswith("the same")] == []
