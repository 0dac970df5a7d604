"""What a user does wrong with a platform that runs: facts, a hint that works, a status."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import click
import pytest
from tests.room import room_for

import pycape
from pycape import errors
from pycape._config import Config
from pycape.cli._errors import UsageError
from pycape.demo import echo_folder
from pycape.local import LocalPlatform

from .conftest import CommandLine, joined
from .told import check_command, commands_in

USAGE, DATA, NO_INPUT, UNAVAILABLE, TEMPORARY, PROTOCOL, REFUSED, CONFIG = (
    2,
    65,
    66,
    69,
    75,
    76,
    77,
    78,
)
UNKNOWN = "2jTPqWeNSf8EN1WteZWmE6XNBatr"


@pytest.fixture
def token(cape, echo) -> str:
    return cape.ok("token", "create", "--function", echo["function_id"]).line


# With somebody else's function


def damaged(token: str) -> list[str]:
    head, claims, signature = token.split(".")
    return [
        token[: len(token) // 2],
        f"{head}.{claims}.{signature[::-1]}",
        f"{head}.{claims[:-8]}AAAAAAAA.{signature}",
        f"Bearer {token}",
    ]


def test_a_token_that_was_copied_wrongly(bob, echo, token):
    for text in damaged(token):
        Path("t").write_text(text)
        error = bob.error("run", echo["function_id"], "x", "-t", "t")
        assert (error["status"], error["code"]) == (REFUSED, errors.TokenInvalid.code), text
        assert error["message"].startswith("t holds no token: ")
        assert "`cape token create --function FUNCTION -o FILE`" in error["hint"]


def test_a_token_in_the_environment_that_is_none(bob, echo, monkeypatch):
    monkeypatch.setenv("CAPE_TOKEN", "hunter2")
    error = bob.error("run", echo["function_id"], "x")
    assert error["status"] == REFUSED
    assert error["message"].startswith("CAPE_TOKEN holds no token: ")
    assert "hunter2" not in str(error)


def test_another_file_in_the_tokens_place(bob, echo, tmp_path):
    Path("echo.json").write_text('{"function_id": "x"}')
    Path("photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    Path("folder").mkdir()
    run = ["run", echo["function_id"], "x", "-t"]
    for name in ("echo.json", "photo.jpg", "/dev/null"):
        error = bob.error(*run, name)
        assert error["status"] == DATA
        assert error["message"].startswith(f"{name} is no token: ")
    assert bob.error(*run, "folder")["status"] == NO_INPUT
    assert bob.error(*run, "no-such.token")["status"] == NO_INPUT


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\xff\xd8", b"[]", b"{}", b'{"function_id": 1}']
)
@pytest.mark.parametrize(
    "line", ["run FILE x", "function show FILE", "token create --function FILE"]
)
def test_another_file_in_the_functions_place(bob, content, line):
    Path("file").write_bytes(content)
    error = bob.error(*line.replace("FILE", "file").split())
    assert error["status"] == DATA
    assert error["message"].startswith("file is not the JSON of a function: ")


def test_a_token_that_has_expired(cape, bob, echo):
    function = echo["function_id"]
    cape.ok("token", "create", "--function", function, "--expiry", "1s", "-o", "t")
    end = time.time() + 2
    while time.time() < end:
        time.sleep(0.2)
    outcome = bob("run", function, "x", "-t", "t", "--json")
    error = outcome.json["error"]
    assert (outcome.status, error["code"]) == (REFUSED, errors.TokenExpired.code)
    assert re.search(r"expired at 20.*Z, and it is 20.*Z", error["message"])
    assert "`cape token create`" in error["hint"]


def test_a_token_of_somebody_else_is_not_taken_back(bob, cape, echo, token):
    Path("t").write_text(token)
    error = bob.error("token", "revoke", "t", "--yes")
    assert (error["status"], error["code"]) == (REFUSED, errors.PermissionDenied.code)
    assert "only who issued a token" in error["hint"]
    assert bob.ok("run", echo["function_id"], "still", "-t", "t").text == "still"


def test_a_function_of_somebody_else(bob, cape, echo):
    account = cape.ok("accounts", "show", "-q").line
    for words in (
        ["function", "delete", echo["function_id"], "--yes"],
        ["token", "create", "--function", echo["function_id"]],
    ):
        error = bob.error(*words)
        assert error["status"] == REFUSED
        assert account in error["message"]
        assert error["hint"]


# Names of functions


@pytest.mark.parametrize(
    "words",
    ["run ID x", "function show ID", "function delete ID --yes", "token create --function ID"],
)
def test_a_function_that_there_is_not(cape, words):
    error = cape.error(*words.replace("ID", UNKNOWN).split())
    assert (error["status"], error["code"]) == (1, errors.NotFound.code)
    assert UNKNOWN in error["message"]
    assert "`cape function list`" in error["hint"]


@pytest.mark.parametrize("name", ["echo", "Echo", "", "alice/", "a/b/c", "\N{SNOWMAN}"])
def test_what_names_no_function(cape, name):
    error = cape.error("run", name, "x")
    assert error["status"] == USAGE


def test_a_name_that_nobody_has(cape):
    error = cape.error("run", "nobody-at-all/echo", "x")
    assert (error["status"], error["code"]) == (DATA, errors.RecipientUnknown.code)
    assert "account ids" in error["hint"]


def test_a_file_that_is_no_function_reference(cape):
    for content in ("{}", "[]", "not json", '{"function_id": 7}'):
        Path("echo.json").write_text(content)
        error = cape.error("run", "echo.json", "x")
        assert error["status"] in {USAGE, CONFIG, DATA}, content
        assert "echo.json" in error["message"] or "function" in error["message"]


# Inputs


def test_the_name_of_a_file_as_text_is_told(cape, echo):
    Path("photo.jpg").write_bytes(b"a picture")
    for words in (["run", echo["function_id"]], ["test", echo_folder()]):
        outcome = cape.ok(*words, "photo.jpg")
        assert outcome.text == "photo.jpg"
        assert "-f photo.jpg sends what is in the file" in outcome.stderr
        assert cape.ok(*words, "photo.jpg", "-q").stderr == ""
        assert cape.ok(*words, "-f", "photo.jpg").text == "a picture"


def test_a_folder_as_input(cape, echo):
    Path("folder").mkdir()
    error = cape.error("run", echo["function_id"], "-f", "folder")
    assert (error["status"], error["hint"]) == (NO_INPUT, "name a file in it")


def test_a_file_as_folder(cape):
    Path("app.py").write_text("def cape_handler(data): return data\n")
    error = cape.error("deploy", "app.py")
    assert error["status"] == DATA
    assert "app.py" in error["message"]


def test_an_input_that_is_too_large(cape, echo):
    with Path("big").open("wb") as file:
        file.truncate(65 << 20)
    error = cape.error("run", echo["function_id"], "-f", "big")
    assert (error["status"], error["code"]) == (DATA, errors.TooLarge.code)
    assert "67108864 bytes" in error["message"]
    assert "`BinaryIO`" in error["hint"]


def test_a_name_that_is_taken(cape, bob):
    cape.ok("accounts", "name", "taken-by-cape")
    error = bob.error("accounts", "name", "taken-by-cape")
    assert (error["status"], error["code"]) == (1, errors.Conflict.code)
    assert "choose another name" in error["hint"]


# The address, and what is there


def test_an_address_that_leads_nowhere(cape):
    error = cape.error("function", "list", "--url", "https://nowhere.invalid")
    assert (error["status"], error["code"]) == (UNAVAILABLE, errors.ConnectFailed.code)
    assert "nowhere.invalid" in error["message"]
    assert "CAPE_URL" in error["hint"]


def test_no_network(cape, monkeypatch):
    """A proxy that is not there: nothing leads outside."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    error = cape.error("function", "list", "--url", "https://cape.example")
    assert error["status"] == UNAVAILABLE
    public = cape.ok("keys", "generate", "me.key").line
    sealed = cape.ok("encrypt", "needs nobody", "-r", public).stdout
    assert cape.ok("decrypt", "-", "-k", "me.key", stdin=sealed).text == "needs nobody"


def test_the_other_scheme(cape, platform):
    error = cape.error("function", "list", "--url", platform.url.replace("http:", "https:"))
    assert (error["status"], error["code"]) == (UNAVAILABLE, errors.ConnectFailed.code)


def test_the_enclaves_port_is_not_the_control_planes(cape, platform):
    error = cape.error("function", "list", "--url", platform.enclave_url)
    assert error["message"] == "the control plane answered 404"
    assert "`cape config` shows where the address comes from" in error["hint"]


@pytest.fixture
def other_server():
    """A server that is no control plane, and answers as it is told."""
    said = {"status": 200, "body": b"<html>hello</html>", "headers": {}}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(said["status"])
            for name, value in said["headers"].items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said["body"])))
            self.end_headers()
            self.wfile.write(said["body"])

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield said, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ({}, PROTOCOL, errors.ProtocolError.code),
        ({"body": b'{"functions": 7}'}, PROTOCOL, errors.ProtocolError.code),
        ({"status": 500}, 1, errors.ServiceError.code),
        (
            {
                "status": 503,
                "body": b'{"title": "Overloaded", "detail": "busy", "name": "Overloaded"}',
                "headers": {"Retry-After": "0"},
            },
            TEMPORARY,
            errors.Overloaded.code,
        ),
    ],
)
def test_another_server(cape, other_server, answer, status, code):
    said, url = other_server
    said |= answer
    error = cape.error("function", "list", "--url", url)
    assert (error["status"], error["code"]) == (status, code)


def test_a_platform_that_stopped_meanwhile(stranger, tmp_path, monkeypatch, capsysbinary):
    with LocalPlatform(
        data_folder=tmp_path / "data", config_folder=tmp_path / "platform", port=0
    ) as own:
        user = joined(own, CommandLine(tmp_path / "user", monkeypatch, capsysbinary))
        function = user.data("deploy", echo_folder())["function_id"]
        assert user.ok("run", function, "x").text == "x"
    for words in (
        ["run", function, "x"],
        ["deploy", echo_folder()],
        ["function", "list"],
        ["token", "create", "--function", function],
        ["attest"],
    ):
        error = user.error(*words)
        assert (error["status"], error["code"]) == (UNAVAILABLE, errors.ConnectFailed.code), words
        assert "`cape dev` starts a local platform" in error["hint"]


# Policy and clock


def test_a_policy_of_another_release(cape, echo, platform, monkeypatch):
    measured = cape.data("attest")["pcrs"]["0"]
    text = platform.profile.policy_toml.replace(measured, "ab" * 48)
    Path("policy.toml").write_text(text)
    monkeypatch.setenv("CAPE_POLICY", "policy.toml")
    for words in (["run", echo["function_id"], "x"], ["encrypt", "x"], ["attest"]):
        error = cape.error(*words)
        assert (error["status"], error["code"]) == (REFUSED, errors.PcrMismatch.code), words
        assert "its publisher" in error["hint"]


@pytest.mark.parametrize("content", ["", "release = 7", "not toml", '[[release]]\nname = "x"\n'])
def test_a_policy_that_is_none(cape, echo, monkeypatch, content):
    Path("policy.toml").write_text(content)
    monkeypatch.setenv("CAPE_POLICY", "policy.toml")
    error = cape.error("run", echo["function_id"], "x")
    assert error["status"] == CONFIG
    assert "policy" in error["message"]


def test_a_policy_that_is_not_there(cape, echo, monkeypatch):
    monkeypatch.setenv("CAPE_POLICY", "nowhere.toml")
    error = cape.error("run", echo["function_id"], "x")
    assert error["status"] == CONFIG
    assert "nowhere.toml" in error["message"]
    assert error["hint"]


def test_a_profile_that_was_edited(cape, echo, platform):
    def run_with(**changes) -> dict:
        profile = dataclasses.replace(platform.profile, **changes)
        Config(config_dir=cape.config).install_profile(profile, make_default=True)
        return cape.error("run", echo["function_id"], "x")

    error = run_with(trust_roots=())
    assert error["status"] == CONFIG
    assert "local.toml: trust roots of its own are for development platforms" in error["message"]
    error = run_with(trust_roots=(), development=False)
    assert (error["status"], error["code"]) == (REFUSED, errors.TrustRootMismatch.code)
    assert "`cape join --development FILE`" in error["hint"]


# Files and folders of this machine


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
def test_a_home_that_cannot_be_written(cape, echo, platform, tmp_path):
    """What needs no account works there; what does says which folder it is."""
    tool = Path(sys.executable).with_name("cape")
    home = tmp_path / "home"
    Config(config_dir=home / "cape").install_profile(platform.profile, make_default=True)
    public = cape.ok("keys", "generate", "me.key").line

    def run(line: str) -> subprocess.CompletedProcess:
        mounted = f"mount --bind {home} {home} && mount -o remount,ro,bind {home} && exec {line}"
        return subprocess.run(
            ["unshare", "--mount", "--map-root-user", "sh", "-c", mounted],
            env={
                "PATH": os.environ["PATH"],
                "CAPE_CONFIG_DIR": str(home / "cape"),
                "LANG": "C.UTF-8",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    if run("true").returncode:
        pytest.skip("namespaces of mounts are not to be had")
    sealed = run(f"{tool} encrypt hi -r {public}")
    assert (sealed.returncode, sealed.stdout[:7]) == (0, "cape:2:"), sealed.stderr
    for line in ("accounts show", "encrypt hi", "accounts name alice"):
        refused = run(f"{tool} {line}")
        assert refused.returncode == CONFIG
        assert "cannot be written: read-only file system\n" in refused.stderr
        assert "hint: CAPE_CONFIG_DIR names another folder" in refused.stderr
    for line in ("keys generate", "init"):
        refused = run(f"{tool} {line} {home}/mine")
        assert refused.returncode == 1
        assert "mine cannot be written: read-only file system\n" in refused.stderr
        assert f"hint: choose another place: nothing can be made in {home}\n" in refused.stderr
    for folder, said in (("cape", "you may not write there"), ("new", "cannot be made: ")):
        examined = run(f"env CAPE_CONFIG_DIR={home}/{folder} {tool} doctor --json")
        assert examined.returncode == 1
        checks = {check["name"]: check for check in json.loads(examined.stdout)["data"]["checks"]}
        assert checks["folder"]["state"] == "failed"
        assert said in checks["folder"]["says"]
        assert "CAPE_CONFIG_DIR names another" in checks["folder"]["fix"]


def test_a_disk_that_is_full(stranger):
    with room_for(0):
        error = stranger.error("accounts", "show")
        kept = stranger.error("keys", "generate", "me.key")
    assert (error["status"], error["code"]) == (CONFIG, errors.ConfigError.code)
    assert "account.key cannot be written: file too large" in error["message"]
    assert "make room" in error["hint"]
    assert kept["message"].startswith("me.key cannot be written")
    assert not list(stranger.config.iterdir())
    assert not Path("me.key").exists()


def test_a_configuration_folder_that_is_a_file(stranger):
    stranger.config.write_text("")
    for words in (["accounts", "show"], ["config"]):
        error = stranger.error(*words)
        assert error["status"] == CONFIG
        assert error["message"].endswith("not a directory")


@pytest.mark.parametrize("content", ["profile = 7", "profile = [", "url = 'x'", "\0"])
def test_a_configuration_that_was_edited_wrongly(stranger, content):
    stranger.config.mkdir()
    (stranger.config / "config.toml").write_text(content)
    error = stranger.error("config")
    assert error["status"] == CONFIG
    assert "config.toml" in error["message"]


# Hints are commands that exist


def named_commands() -> set[str]:
    """Return all in the package's texts that is in backquotes and begins with `cape`."""
    sources = Path(pycape.__file__).parent.rglob("*.py")
    joined = (re.sub(r'"\s+f?"', "", file.read_text("utf-8")) for file in sources)
    return {line for text in joined for line in commands_in(text)}


@pytest.mark.parametrize("line", sorted(each for each in named_commands() if "{" not in each))
def test_a_command_that_a_message_names_is_understood(line):
    check_command(line)


def test_one_that_there_is_not_is_noticed():
    for line in ("rum FUNCTION", "run --frobnicate", "config FILE"):
        with pytest.raises((UsageError, click.UsageError)):
            check_command(f"cape {line}")
