"""Files that are too long: no more is read of them than could be good, also without much memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import pycape
from pycape import errors

# 2500 MiB, of which the disk holds nothing, where there is room for less.
SIZE = 2500 << 20
ROOM = "ulimit -v 1000000"
# A text without end.
ENDLESS = "(printf '{}'; yes AAAAAAAAAAAA | tr -d '\\n')"
ID = "2jTPqWeNSf8EN1WteZWmE6XNBatr"


@pytest.fixture
def limited(stranger):
    """Run a line in a shell that has little memory, where `big`, a policy and a key are."""
    stranger.ok("keys", "generate", "me.key", "--kind", "x25519")
    Path("policy.toml").write_text(
        f'[[release]]\nname = "r"\npcr0 = "{"99" * 48}"\nvault = "{"11" * 32}"\n'
    )
    with Path("big").open("wb") as file:
        file.truncate(SIZE)
    Path("big").chmod(0o600)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(Path.cwd()),
        "CAPE_CONFIG_DIR": str(stranger.config),
        "LANG": "C.UTF-8",
    }

    def run(line: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-c", f"{ROOM}; {line}"],
            env=environment,
            capture_output=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        (
            "attest --file big --any-nonce --policy policy.toml",
            65,
            "big is no attestation document: it begins as none does",
        ),
        (
            "attest --file - --any-nonce --policy policy.toml < /dev/zero",
            65,
            "stdin is no attestation document: it begins as none does",
        ),
        ("attest --policy big", 78, "big: policy file: more than 1048576 bytes"),
        ("receipt verify big", 65, "big is no receipt: it begins as none does"),
        ("receipt show - < /dev/zero", 65, "stdin is no receipt: it begins as none does"),
        (f"run {ID} x -t big", 65, "big is no token: it begins as none does"),
        (f"run {ID} x -t - < /dev/zero", 65, "stdin is no token: it begins as none does"),
        ("token show big", 65, "big is no token: it begins as none does"),
        ("run ./big x", 78, "big cannot be read: it has more than 67108864 bytes"),
        ("join big", 78, "profile big: more than 2097152 bytes"),
        ("join - < /dev/zero", 78, "profile stdin: more than 2097152 bytes"),
        ("keys show big", 65, "big: this is no key: more than 65536 bytes"),
        ("keys show - < /dev/zero", 65, "stdin: this is no key: more than 65536 bytes"),
        ("inspect me.key -k big", 65, "big: this is no key: more than 65536 bytes"),
        ("decrypt me.key -k big", 78, "big holds no key: it has more than 65536 bytes"),
        ("accounts import big", 78, "big holds no key: it has more than 65536 bytes"),
        ("accounts import - < /dev/zero", 65, "stdin: this is no key: more than 65536 bytes"),
    ],
)
def test_a_file_that_is_too_long_is_told_as_such(limited, command, status, message):
    ran = limited(f"cape --json {command}")
    told = json.loads(ran.stdout)["error"]
    assert (told["message"], ran.returncode) == (message, status)


def test_as_many_bytes_as_there_may_be_are_judged(stranger, limited):
    for length, message in ((32768, "out of form: "), (32769, "more than 32768 bytes")):
        Path("doc").write_bytes(b"module_id".ljust(length))
        error = stranger.error("attest", "-f", "doc", "--any-nonce", "--policy", "policy.toml")
        assert error["code"] == errors.DocumentMalformed.code
        assert message in error["message"].lower()
        assert error["data"]["checks"][0]["held"] is False


def test_salts_that_are_too_long(cape, echo, limited):
    cape.ok("run", echo["function_id"], "hello", "--receipt", "run.receipt")
    error = cape.error("receipt", "verify", "run.receipt", "--salts", "big")
    assert (error["status"], error["code"]) == (77, errors.ReceiptInvalid.code)
    assert error["message"] == "salts out of form: more than 1024 bytes"
    cape.ok("receipt", "verify", "run.receipt")


@pytest.mark.parametrize(
    ("command", "name", "hint"),
    [
        ("encrypt -f - --text -r $(cape keys show me.key -q) < /dev/zero", "stdin", "--binary"),
        ("encrypt big --text -r $(cape keys show me.key -q) -o new", "big", "--binary"),
        (f"{ENDLESS.format('cape:')} | cape --json decrypt - -k me.key", "stdin", "binary form"),
    ],
)
def test_what_has_no_room_is_told_with_what_to_do(limited, command, name, hint):
    ran = limited(command if "|" in command else f"cape --json {command}")
    told = json.loads(ran.stdout)["error"]
    assert (ran.returncode, told["code"]) == (1, "CAPE-CLI-008")
    assert told["message"] == f"{name}: there is no memory for all of it"
    assert hint in told["hint"]
    assert not Path("new").exists()


def test_an_input_is_not_to_blame_for_its_output(cape, echo, monkeypatch):
    def call(*_, **__):
        raise MemoryError

    monkeypatch.setattr(pycape.Cape, "call", call)
    error = cape.error("run", echo["function_id"], "small")
    assert error["code"] == "CAPE-CLI-008"
    assert error["message"] == "there is no memory for that"


@pytest.mark.parametrize(
    ("message", "details", "hint"),
    [
        ("there is no memory for 5 bytes", {"bytes": "5"}, "--binary"),
        ("payload is longer than the format allows", {}, "several"),
    ],
)
def test_what_is_said_of_memory_is_said_only_where_there_is_none(
    cape, monkeypatch, message, details, hint
):
    def encrypt(*_, **__):
        raise errors.CryptoError(message, details=details)

    monkeypatch.setattr(pycape.Cape, "encrypt", encrypt)
    error = cape.error("encrypt", "hello world")
    assert (error["code"], error["message"]) == (errors.CryptoError.code, message)
    assert hint in error["hint"]


@pytest.mark.parametrize("begins", ["cape:2:", "cape:3:", "cape:2:????"])
def test_what_begins_as_no_ciphertext_is_refused_by_its_beginning(limited, begins):
    """There is no end that could be waited for."""
    ran = limited(f"{ENDLESS.format(begins)} | cape decrypt - -k me.key")
    assert (ran.returncode, ran.stdout) == (65, b"")
    assert b"envelope" in ran.stderr


def test_a_text_longer_than_its_beginning_is_opened(stranger):
    public = stranger.ok("keys", "generate", "me.key").line
    data = bytes(range(256)) * 1024
    sealed = stranger.ok("encrypt", "-f", "-", "-r", public, stdin=data).stdout
    for end in (b"", b"\n", b"\n" * 200_000):
        opened = stranger.ok("decrypt", "-", "-k", "me.key", stdin=sealed.strip() + end)
        assert opened.stdout == data


def test_a_text_that_ends_where_its_beginning_does(stranger):
    """Line ends there are no part of it."""
    public = stranger.ok("keys", "generate", "me.key", "--kind", "x25519").line
    most = (128 << 10) + len("cape:2:")
    for size in range(98_000, 98_004):
        data = bytes(size - 300)
        sealed = stranger.ok("encrypt", "-f", "-", "-r", public, stdin=data).stdout.strip()
        assert len(sealed) < most
        padded = sealed + b"\n" * (most + 5 - len(sealed))
        assert stranger.ok("decrypt", "-", "-k", "me.key", stdin=padded).stdout == data
