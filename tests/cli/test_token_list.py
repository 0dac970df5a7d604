"""token list, and token revoke by what it shows."""

import json
import time
from pathlib import Path

import pytest

from pycape import errors
from pycape.demo import echo_folder


@pytest.fixture
def create(cape, echo):
    """Make a token, and return what is told of it."""

    def create(name: str | None = None, *options: str) -> dict:
        named = () if name is None else ("--name", name)
        function = () if "--function" in options else ("--function", echo["function_id"])
        return cape.data("token", "create", *function, *named, *options)

    return create


def test_where_there_is_none(cape):
    assert cape.ok("token", "list").line == "no tokens"
    assert cape.ok("token", "list", "-q").stdout == b""
    assert cape.data("token", "list") == {"tokens": []}


def test_what_was_issued_is_listed(cape, create, echo):
    made = create("nora", "--expiry", "12h")
    unnamed = create()
    rows = [line.split() for line in cape.ok("token", "list").text.splitlines()]
    assert rows[0] == ["name", "function", "expires", "state"]
    assert sorted(rows[1:]) == sorted(
        [
            ["nora", "echo", made["expires"], "valid"],
            [unnamed["jti"], "echo", unnamed["expires"], "valid"],
        ]
    )
    assert set(cape.ok("token", "list", "-q").text.split()) == {made["jti"], unnamed["jti"]}
    listed = {each["jti"]: each for each in cape.data("token", "list")["tokens"]}
    shown = cape.data("token", "show", "-", stdin=made["token"].encode())
    assert listed[made["jti"]] == {
        "jti": made["jti"],
        "name": "nora",
        "function_id": echo["function_id"],
        "function_name": echo["function_name"],
        "function_checksum": echo["function_checksum"],
        "issued_at": shown["issued_at"],
        "expires": made["expires"],
        "state": "valid",
    }
    assert made["token"] not in json.dumps(listed)


def test_names_of_any_length_fit(cape, create):
    long = cape.data("deploy", echo_folder(), "-n", "f" * 64)["function_id"]
    create("n" * 128, "--function", long)
    create("two\N{RIGHT-TO-LEFT OVERRIDE}words")
    for line in cape.ok("token", "list").text.splitlines():
        assert len(line) <= 79, line
        assert line.isprintable()


def test_the_tokens_of_one_function(cape, bob, create):
    other = cape.data("deploy", echo_folder(), "-n", "other")
    one = create("one")
    two = create("two", "--function", other["function_id"])
    Path("other.json").write_text(json.dumps(other))
    for named in (other["function_id"], other["function_name"], "other.json"):
        assert cape.ok("token", "list", "--function", named, "-q").line == two["jti"]
    assert bob.ok("token", "list", "-q").stdout == b""
    account = bob.ok("accounts", "show", "-q").line
    assert cape.ok("token", "list", "--function", f"{account}/other").line == "no tokens"
    assert one["jti"] in cape.ok("token", "list", "-q").text
    assert cape.error("token", "list", "--function", "no function")["status"] == 2


def test_all_versions_go_by_the_name_and_each_by_its_id(cape, create):
    Path("twice").mkdir()
    made = []
    for text in ("1", "2"):
        Path("twice/app.py").write_text(f"def cape_handler(data): return b'{text}'\n")
        deployed = cape.data("deploy", "twice")
        made.append((deployed, create(text, "--function", deployed["function_id"])["jti"]))
    for deployed, jti in made:
        assert cape.ok("token", "list", "--function", deployed["function_id"], "-q").line == jti
    listed = cape.ok("token", "list", "--function", made[0][0]["function_name"], "-q").text
    assert set(listed.split()) == {jti for _, jti in made}


def test_what_is_expired_or_revoked(cape, create):
    create("short", "--expiry", "1s")
    for made in (create("taken"), create("both", "--expiry", "1s")):
        cape.ok("token", "revoke", made["jti"], "--yes")
    time.sleep(1.1)
    states = {each["name"]: each["state"] for each in cape.data("token", "list")["tokens"]}
    assert states == {"short": "expired", "taken": "revoked", "both": "revoked"}


def test_it_is_revoked_by_its_jti_its_name_or_its_file(cape, create):
    made = [create("by-jti"), create("by-name"), create("by-file", "-o", "by.token")]
    for given, token in zip([made[0]["jti"], "by-name", "by.token"], made, strict=True):
        assert cape.data("token", "revoke", given, "--yes")["jti"] == token["jti"]
    assert {each["state"] for each in cape.data("token", "list")["tokens"]} == {"revoked"}
    again = cape.error("token", "revoke", "by-name", "--yes")
    assert (again["status"], again["code"]) == (66, "CAPE-CLI-002")
    assert again["message"] == "by-name: there is no such file, and no valid token of that name"
    assert again["hint"] == "`cape token list` shows the tokens that were made here"
    assert cape.data("token", "revoke", made[0]["jti"], "--yes")["jti"] == made[0]["jti"]


def test_of_several_with_a_name_none_is_taken_for_the_other(cape, create):
    first, second = create("nora"), create("nora")
    error = cape.error("token", "revoke", "nora", "--yes")
    assert error["status"] == 2
    assert error["message"] == "2 valid tokens are called nora"
    assert {first["jti"], second["jti"]} <= set(error["hint"].replace(",", " ").split())
    cape.ok("token", "revoke", first["jti"], "--yes")
    assert cape.data("token", "revoke", "nora", "--yes")["jti"] == second["jti"]


def test_a_jti_that_begins_as_options_do(cape, create):
    """One in 64 does."""
    create()
    [path] = cape.config.glob("known/*/tokens")
    [entry] = json.loads(path.read_text()).values()
    for jti in ("-q" + "v" * 20, "--" + "x" * 20):
        path.write_text(json.dumps({jti: entry}))
        assert cape.data("token", "revoke", jti, "--yes")["jti"] == jti
        assert cape.ok("token", "revoke", "--yes", jti, "-q").line == jti


def test_a_folder_of_that_name_is_no_token(cape, create):
    made = create("nora")
    Path("nora").mkdir()
    assert cape.data("token", "revoke", "nora", "--yes")["jti"] == made["jti"]


def test_a_file_goes_before_a_name(cape, create):
    create("echo.token")
    other = create("other", "-o", "echo.token")
    assert cape.data("token", "revoke", "echo.token", "--yes")["jti"] == other["jti"]


def test_a_list_that_is_damaged(cape, create):
    create("nora")
    [path] = cape.config.glob("known/*/tokens")
    path.write_text("[")
    for line in (["token", "list"], ["token", "revoke", "nora", "--yes"]):
        error = cape.error(*line)
        assert (error["status"], error["code"]) == (78, errors.ConfigError.code)
        assert f"{path} is damaged" in error["message"]
    outcome = cape.ok("token", "create", "--function", _only_function(cape), "--name", "more")
    assert outcome.line.count(".") == 2
    assert "is not listed" in outcome.stderr


def _only_function(cape) -> str:
    return cape.ok("function", "list", "-q").line
