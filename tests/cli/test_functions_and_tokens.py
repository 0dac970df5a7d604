"""function list, show, delete; token create, show, revoke; and the first system's spellings."""

import io

import pytest

from pycape import FunctionRef, errors
from pycape.demo import echo_folder


def test_functions_are_listed_and_shown(cape, echo):
    listed = f"{echo['function_id']:28}  echo (version 1)"
    assert cape.ok("function", "list").line == listed
    assert cape.ok("list", "-q").line == echo["function_id"]
    [listed] = cape.data("function", "list")["functions"]
    shown = cape.data("function", "show", echo["function_id"])
    assert listed == shown
    assert {key: shown[key] for key in echo} == echo
    assert shown["isolation"] == "session"
    for option in (["--json"], ["-o", "json"]):
        text = cape.ok("function", "show", echo["function_id"], *option).text
        assert FunctionRef.from_json(text).checksum == echo["function_checksum"]


class Terminal(io.BytesIO):
    """What is typed at one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("typed", [b"n\n", b"\n"])
def test_a_question_that_is_answered_with_no(cape, echo, typed):
    outcome = cape("function", "delete", echo["function_id"], stdin=Terminal(typed))
    assert outcome.status == 130
    assert outcome.stderr.endswith("cape: error: nothing was done: the answer is no\n")
    assert cape.ok("function", "show", echo["function_id"])
    outcome = cape.ok("function", "delete", echo["function_id"], stdin=Terminal(b"y\n"))
    assert outcome.line == f"deleted echo ({echo['function_id']})"


def test_a_question_that_is_not_answered(cape, echo):
    """Ctrl-C and Ctrl-D: what is told stands on a line of its own."""
    outcome = cape("function", "delete", echo["function_id"], stdin=Terminal(b""))
    assert outcome.status == 130
    assert outcome.stderr.endswith("? [y/N]: \ncape: error: interrupted\n")


def test_functions_of_somebody_else(cape, bob, echo):
    account = cape.ok("accounts", "show", "-q").line
    assert bob.ok("function", "list").line == "no functions"
    assert bob.ok("function", "list", "--account", account, "-q").line == echo["function_id"]


def test_a_function_is_rebuilt_and_compared(cape, bob, echo, tmp_path):
    verified = bob.ok("function", "verify", echo_folder(), echo["function_id"])
    assert verified.text.splitlines()[1] == f"checksum {echo['function_checksum']}"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "app.py").write_text("def cape_handler(data): return b''\n")
    error = bob.error("function", "verify", "other", echo["function_id"])
    assert (error["status"], error["code"]) == (65, errors.ChecksumMismatch.code)
    assert bob.error("function", "verify", "nowhere", echo["function_id"])["status"] == 66


def test_a_function_is_deleted_when_that_is_certain(cape, echo):
    function = echo["function_id"]
    error = cape.error("function", "delete", function)
    assert error["status"] == 2
    assert error["hint"] == "--yes does it without asking"
    assert cape.ok("delete", function, "--yes").line == f"deleted echo ({function})"
    assert cape.error("function", "show", function)["code"] == errors.NotFound.code
    assert cape.error("run", function, "x")["message"]


def test_nobody_deletes_the_function_of_another(cape, bob, echo):
    assert bob.error("function", "delete", echo["function_id"], "--yes")["status"] == 77
    assert cape.ok("run", echo["function_id"], "still here").text == "still here"


def test_a_token_lets_somebody_else_run_it(cape, bob, echo, tmp_path, monkeypatch):
    refused = bob.error("run", echo["function_id"], "x")
    assert (refused["status"], refused["code"]) == (77, errors.TokenInvalid.code)
    assert "cape token create" in refused["hint"]

    made = cape.ok("token", "create", "--function", echo["function_id"], "-o", "bob.token")
    assert made.text.startswith("bob.token, until 20")
    assert (tmp_path / "bob.token").stat().st_mode & 0o777 == 0o600
    assert bob.ok("run", echo["function_id"], "x", "--token", "bob.token").text == "x"
    token = (tmp_path / "bob.token").read_bytes()
    assert bob.ok("run", echo["function_id"], "x", "-t", "-", stdin=token).text == "x"
    monkeypatch.setenv("CAPE_TOKEN", token.decode().strip())
    assert bob.ok("run", echo["function_id"], "x").text == "x"


def test_a_token_is_no_argument(cape, bob, echo):
    token = cape.ok("token", "create", "--function", echo["function_id"]).line
    for line in (["run", echo["function_id"], "x", "-t", token], ["token", "revoke", token]):
        error = bob.error(*line)
        assert error["status"] == 2
        assert token[:20] not in error["message"] + error["hint"]


def test_as_the_first_system_spelled_it(cape, echo):
    token = cape.ok(
        "token", "create", "--name", "resnet", "--function", echo["function_id"], "--expiry", "300s"
    ).line
    shown = cape.data("token", "show", "-", stdin=token.encode())
    assert shown["name"] == "resnet"
    assert shown["function_checksum"] == echo["function_checksum"]
    seconds = cape.data("token", "create", "--function", echo["function_id"], "--expiry", "300")
    assert seconds["token"].count(".") == 2


def test_a_token_is_taken_back(cape, bob, tmp_path):
    (tmp_path / "strict").mkdir()
    (tmp_path / "strict" / "app.py").write_bytes((echo_folder() / "app.py").read_bytes())
    (tmp_path / "strict" / "cape.toml").write_text("revocation_max_age_s = 600\n")
    function = cape.data("deploy", "strict")["function_id"]
    # A function that demands a list runs with none that was never published.
    cape.ok("token", "create", "--function", function, "-o", "other.token")
    cape.ok("token", "revoke", "other.token", "--yes")
    cape.ok("token", "create", "--function", function, "-o", "bob.token")
    assert bob.ok("run", function, "x", "-t", "bob.token").text == "x"
    assert cape.error("token", "revoke", "bob.token")["hint"] == "--yes does it without asking"
    assert cape.ok("token", "revoke", "bob.token", "--yes").line.startswith("revoked, as of")
    error = bob.error("run", function, "x", "-t", "bob.token")
    assert (error["status"], error["code"]) == (77, errors.TokenRevoked.code)


def test_a_token_for_another_function(cape, bob, echo):
    other = cape.data("deploy", echo_folder(), "-n", "other")["function_id"]
    cape.ok("token", "create", "--function", other, "-o", "other.token")
    error = bob.error("run", echo["function_id"], "x", "-t", "other.token")
    assert (error["status"], error["code"]) == (77, errors.TokenWrongFunction.code)
