"""`cape test`: a folder is run once, and nothing of it stays."""

import pytest

from pycape import Cape, errors
from pycape.demo import echo_folder


@pytest.fixture
def folder(tmp_path):
    """A function that says what it does, and fails when it is told to."""
    folder = tmp_path / "function"
    folder.mkdir()
    (folder / "app.py").write_text("""
def cape_handler(data):
    print("begun")
    if data == b"fail":
        raise LookupError("as told")
    return data.upper()
""")
    return folder


def nothing_is_left(cape) -> bool:
    return cape.data("function", "list")["functions"] == []


def test_a_folder_is_run_and_forgotten(cape, folder, tmp_path):
    ran = cape.ok("test", folder, "hello")
    assert ran.text == "HELLO"
    assert ran.stderr.splitlines()[-1] == "begun"
    assert nothing_is_left(cape)
    (tmp_path / "input").write_bytes(b"\0\xff")
    assert cape.ok("test", echo_folder(), "-f", "input", "-o", "output").stdout == b""
    assert (tmp_path / "output").read_bytes() == b"\0\xff"
    assert cape.ok("test", folder, "-f", "-", stdin=b"from stdin").text == "FROM STDIN"
    assert nothing_is_left(cape)


def test_for_programs(cape, folder):
    ran = cape.ok("test", folder, "hello", "--json")
    assert ran.json["data"]["output"]["text"] == "HELLO"
    assert len(ran.json["data"]["checksum"]) == 64


def test_what_it_encrypts_is_opened(cape, folder):
    sealed = cape.ok("encrypt", "hello").text
    assert cape.ok("test", folder, sealed).text == "HELLO"


def test_a_failure_is_told_and_nothing_is_left(cape, folder):
    error = cape.error("test", folder, "fail")
    assert error["type"] == "LookupError"
    assert error["message"] == "the function failed: LookupError: as told"
    assert "line 5, in cape_handler" in error["traceback"]
    assert nothing_is_left(cape)


def test_a_function_of_values_says_how_it_is_called(cape, stranger):
    """Nothing is shown of how values become bytes."""
    stranger.ok("init", "typed", "--template", "typed")
    function = cape.ok("deploy", "typed", "-q").line
    for words in (["test", "typed"], ["run", function]):
        error = cape.error(*words, "[1, 2]")
        assert error["message"] == (
            "the function failed: ValueError: this function takes typed values, and the input is "
            "something else: call it in Python, with .on(cape, function).remote(...)"
        )
        assert error["hint"].startswith("the function's own code did not run")
        outcome = cape(*words, "[1, 2]")
        assert "Traceback" not in outcome.stderr
        assert "pycape/" not in outcome.stderr


def test_the_same_folder_may_be_deployed_already(cape, echo):
    assert cape.ok("test", echo_folder(), "x").text == "x"
    [function] = cape.data("function", "list")["functions"]
    assert function["function_id"] == echo["function_id"]
    assert cape.ok("run", echo["function_id"], "still here").text == "still here"


def test_what_cannot_be_deleted_is_told(cape, folder, monkeypatch):
    def refuse(_self, _function):
        raise errors.ConnectFailed("the platform is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Cape, "delete", refuse)
        ran = cape.ok("test", folder, "x")
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("test-")
    assert "stays deployed (the platform is gone): cape function delete " in last
    assert cape.ok("function", "delete", last.split()[-1], "--yes")


def test_what_is_no_function(cape, tmp_path):
    assert cape.error("test", "nowhere", "x")["status"] == 66
    (tmp_path / "empty").mkdir()
    assert cape.error("test", "empty", "x")["code"] == errors.HandlerMissing.code
    assert cape.error("test", echo_folder())["status"] == 2
