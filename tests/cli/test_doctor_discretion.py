"""What `cape doctor` tells can be pasted: secrets put everywhere that it looks are not in it."""

import json
import os
import re
import sys
from pathlib import Path

import pytest
from tests.cli.doctor import examined

from pycape import keys
from pycape.cli._doctor._discretion import Discretion

# Wherever one is put, it can be recognised.
MARK = "s3cr3tm4rk"
SECRETS = {
    "key": f"capesk1{MARK}qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq",
    "account": f"capeaccountsk1{MARK}qqqqqqqqqqqqqqqqqqqqq",
    "token": f"eyJhbGciOiJFUzM4NCJ9.{MARK}eyJhIjoxfQ.{MARK}c2ln",
    "random": f"Zm9vYmFy{MARK}YmF6cXV4enp6enp6enp6enp6enp6enp6enp6",
    "pem": f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----",
    "url": f"https://user:{MARK}@cape.example/?token={MARK}",
    "query": f"https://cape.example/v2?token={MARK}#{MARK}",
}


@pytest.fixture(params=sorted(SECRETS))
def secret(request) -> str:
    return SECRETS[request.param]


def told(user, *options: str) -> str:
    """Return all that a user could paste, without what lines and JSON add to it."""
    outcome = user("doctor", "--json", *options)
    text = "\n".join(strings(outcome.json)) + outcome.stderr
    return re.sub(r"\s+", "", text)


def strings(data):
    """Yield every text in JSON."""
    if isinstance(data, str):
        yield data
    for each in [*data, *data.values()] if isinstance(data, dict) else []:
        yield from strings(each)
    for each in data if isinstance(data, list) else []:
        yield from strings(each)


INDEPENDENT = (
    "CAPE_ACCOUNT_KEY_FILE",
    "CAPE_DATA_DIR",
    "CAPE_ENCLAVE_BINARY",
    "CAPE_TOKEN",
    "HTTPS_PROXY",
    "SSL_CERT_FILE",
)


@pytest.mark.parametrize(
    "variables",
    [INDEPENDENT, ("CAPE_POLICY",), ("CAPE_PROFILE",), ("CAPE_URL",)],
    ids=lambda variables: variables[0],
)
def test_no_variable_gives_a_secret_away(cape, monkeypatch, variables, secret):
    for variable in variables:
        monkeypatch.setenv(variable, secret)
    assert MARK not in told(cape)


@pytest.mark.parametrize(
    "files",
    [
        ("account.key", "known/local/accounts", "known_revocations"),
        ("config.toml",),
        ("profiles/local.toml",),
    ],
    ids=lambda files: files[0],
)
def test_no_file_gives_a_secret_away(cape, files, secret):
    for content in (secret, f'profile = "{secret}"\nname = {secret!r}', f'{{"{secret}": 1'):
        for file in files:
            (cape.config / file).parent.mkdir(parents=True, exist_ok=True)
            (cape.config / file).write_text(content)
            (cape.config / file).chmod(0o600)
        assert MARK not in told(cape)


def test_lines_do_not_cut_a_secret_in_two(cape, monkeypatch, secret):
    monkeypatch.setenv("CAPE_PROFILE", secret)
    outcome = cape("doctor")
    assert outcome.status == 1
    assert MARK not in re.sub(r"\s+", "", outcome.text + outcome.stderr)


def test_an_account_key_that_is_whole_stays_where_it_is(cape):
    key = (cape.config / "account.key").read_text().strip()
    for mode in (0o600, 0o644):
        (cape.config / "account.key").chmod(mode)
        said = told(cape)
        assert key not in said
        assert key[20:40] not in said


def test_no_name_of_an_account_is_told(cape):
    known = cape.config / "known" / "local" / "accounts"
    known.parent.mkdir(parents=True, exist_ok=True)
    known.write_text(json.dumps({"alice-and-only-alice": "cape1" + "q" * 58}))
    account = cape.data("accounts", "show")["account"]
    said = told(cape)
    assert "alice" not in said
    assert account not in said


def test_an_option_gives_no_secret_away(cape, secret):
    for option in ("--url", "--profile"):
        assert MARK not in told(cape, option, secret)


def test_home_is_abbreviated(cape, monkeypatch):
    home = cape.config.parent
    monkeypatch.setenv("HOME", str(home))
    said = told(cape)
    assert str(home) not in said
    checks = examined(cape)
    assert checks["folder"]["facts"]["path"] == "~/config"
    assert checks["folder"]["says"].startswith("~/config, mode ")


def discreet(text: str, **environment: str) -> str:
    return Discretion(environment, [Path("/home/alice"), Path("/")]).text(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/alice/x", "~/x"),
        ("/home/alice", "~"),
        ("'/home/alice'", "'~'"),
        ("/home/alicent/x", "/home/.../x"),
        ("/Users/bob/cape", "/Users/.../cape"),
        ("/etc/ssl", "/etc/ssl"),
        ("http://127.0.0.1:8970/v2", "http://127.0.0.1:8970/v2"),
        ("control-plane.internal-network.example-company.com", None),
        ("chmod go-w /srv/cape/profiles/local.toml", None),
        ("x" * 39, None),
        ("0123456789" * 4, "01234567..."),
        ("is it the right one?", None),
        ("https://h/p?x=1", "https://h/p?(hidden)"),
        ("https://a:b@h:1/p", "https://(hidden)@h:1/p"),
        ("/cwd/https:/a:b@h/p", "/cwd/https:/(hidden)@h/p"),
    ],
)
def test_what_is_hidden_and_what_is_not(text, shown):
    assert discreet(text) == (text if shown is None else shown)


def test_variables_that_are_secret_by_their_name():
    secrets = {
        "GITHUB_TOKEN": "hunter2hunter2",
        "my_password": "correct horse",
        "API_KEY": "aB3$x.",
    }
    said = discreet(f"{secrets} and more", **secrets)
    for value in secrets.values():
        assert value not in said
    assert discreet("/a/key", KEY_FILE="/a/key", SSH_AUTH_SOCK="/a/key", TOKEN="") == "/a/key"


def test_everything_in_lists_and_mappings():
    token = SECRETS["token"]
    told = Discretion({}, []).anything({"a": [token, 1, None], token: {"b": (token, True)}})
    assert MARK not in json.dumps(told)
    assert told["a"][1:] == [1, None]
    assert told["(hidden)"]["b"][1] is True


def test_a_real_key_is_known_by_its_form():
    text = keys.PrivateKey.generate("x25519").to_text()
    assert discreet(f"no such profile {text!r}") == "no such profile '(hidden)'"


def test_what_controls_a_terminal_does_not_come_through(stranger, monkeypatch):
    monkeypatch.setenv("CAPE_PROFILE", "\x1b[2Jred")
    outcome = stranger("doctor")
    assert "\x1b" not in outcome.text + outcome.stderr
    assert b"\x1b" not in stranger("doctor", "--json").stdout


def test_only_reading_and_asking_happens(cape, monkeypatch, tmp_path):
    """The program of a local platform is started for its version, without the user's secrets."""
    seen = tmp_path / "seen"
    program = tmp_path / "cape-enclave"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"open({str(seen)!r}, 'w').write(repr([sys.argv[1:], dict(os.environ)]))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("CAPE_ENCLAVE_BINARY", str(program))
    monkeypatch.setenv("CAPE_TOKEN", SECRETS["token"])
    assert examined(cape)["cape-enclave"]["state"] == "failed"
    assert "'--version'" in seen.read_text()
    assert MARK not in seen.read_text()
    assert os.environ["CAPE_TOKEN"]
