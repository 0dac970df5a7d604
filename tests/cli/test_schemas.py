"""What `--json` prints is what a schema says, of every command, whether it did its work or not.

All tests of commands hold what they print against the schemas, by their `CommandLine`. Here each
command is seen to do its work, and the schemas to be whole.
"""

import copy
import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from images.made import image_files
from jsonschema import Draft202012Validator, ValidationError

from pycape.demo import echo_folder

from . import schemas
from .test_help import COMMANDS

CAPE = str(Path(sys.executable).with_name("cape"))

# Those that only other commands and the start of help are in.
GROUPS = {
    "accounts",
    "function",
    "host",
    "image",
    "keys",
    "receipt",
    "recipients",
    "token",
    "vault",
}

# A line for each command; what is in capitals is `prepared`.
LINES = {
    "accounts-export": "accounts export account.copy",
    "accounts-import": "accounts import ACCOUNT",
    "accounts-name": "accounts name NAME",
    "accounts-show": "accounts show",
    "accounts-trust": "accounts trust NAME",
    "attest": "attest --save attested",
    "completion": "completion bash",
    "config": "config",
    "config-export": "config export",
    "decrypt": "decrypt LETTER -k KEY",
    "deploy": "deploy ECHO",
    "doctor": "doctor",
    "encrypt": "encrypt hello",
    "explain": "explain CAPE-ATT-007",
    "function-list": "function list",
    "function-show": "function show FUNCTION",
    "function-verify": "function verify ECHO FUNCTION",
    "get-pcrs": "get-pcrs",
    "host-admit": "host admit host-1 --data-dir state",
    "host-list": "host list --data-dir state",
    "host-dismiss": "host dismiss host-1 --data-dir state --yes",
    "image-build": "image build RECIPE -o built.eif",
    "image-diff": "image diff IMAGE IMAGE",
    "image-inspect": "image inspect IMAGE",
    "image-policy": "image policy IMAGE",
    "image-sign": "image sign IMAGE -o signed.eif --sign-key SIGN_KEY --sign-cert SIGN_CERT",
    "init": "init word-count",
    "inspect": "inspect LETTER",
    "join": "join PROFILE --development",
    "keys-generate": "keys generate other.key",
    "keys-rotate": "keys rotate",
    "keys-show": "keys show",
    "package": "package ECHO",
    "receipt-show": "receipt show RECEIPT",
    "receipt-verify": "receipt verify RECEIPT",
    "recipients-add": "recipients add LETTER -r PUBLIC -k KEY",
    "recipients-list": "recipients list LETTER",
    "recipients-remove": "recipients remove LETTER -r PUBLIC -k KEY",
    "run": "run FUNCTION hello",
    "test": "test ECHO hello",
    "token-create": "token create --function FUNCTION --name schemas",
    "token-list": "token list",
    "token-revoke": "token revoke TOKEN --yes",
    "token-show": "token show TOKEN",
    "vault-create": "vault create --data-dir state",
    "vault-policy": "vault policy POLICY --role ROLE --account 111122223333",
    "vault-show": "vault show",
    "version": "version",
    "function-delete": "function delete FUNCTION --yes",
}

# The same with other options, where more or less is told then.
OTHER_LINES = [
    "accounts export -",
    "decrypt LETTER -k KEY -o opened",
    "encrypt hello -o -",
    "host admit host-2 --data-dir state -o host.token",
    "host admit host-2 --data-dir other --token-file host.token",
    "host dismiss host-2 --data-dir state --earlier",
    "host list --data-dir nowhere",
    "encrypt LETTER",
    "encrypt - -o sealed --text",
    "keys generate -",
    "keys show KEY",
    "package ECHO -o bundle.zip",
    "run FUNCTION hello -o answer",
    "run FUNCTION hello -o answer --stream --yes",
    "test ECHO hello -o answer --yes",
    "vault policy POLICY --role ROLE --account 111122223333 -o key.json",
    "token create --function FUNCTION -o new.token",
    "token list --function FUNCTION",
    *(
        f"inspect {each}"
        for each in ("ACCOUNT", "KEY", "DOCUMENT", "RECEIPT", "TOKEN", "PROFILE", "BUNDLE", "IMAGE")
    ),
]

# They go on until they are ended, take their time, or ask what goes on: with processes of their
# own, below and in test_demo.py, e2e/test_console.py and host/. What asks apt has a stand-in for
# it, in test_image.py.
ELSEWHERE = {
    "console",
    "demo",
    "dev",
    "host-create-vault",
    "host-doctor",
    "host-run",
    "host-serve",
    "host-status",
    "image-lock",
}


@pytest.fixture
def prepared(cape, echo) -> dict[str, str]:
    """What lines name: an account's files, a ciphertext with two recipients, a run's receipt."""
    function = echo["function_id"]
    cape.ok("keys", "generate", "me.key")
    public = cape.ok("keys", "generate", "you.key").line
    own = cape.ok("keys", "show", "me.key").line
    cape.ok("encrypt", "-", "-r", own, "-r", public, "-o", "letter.cape", stdin=b"hello")
    cape.ok("accounts", "export", "account.key")
    cape.ok("run", function, "hello", "--receipt", "run.receipt")
    cape.ok("token", "create", "--function", function, "-o", "some.token")
    cape.ok("attest", "--save", "document")
    cape.ok("package", echo_folder(), "-o", "echo.zip")
    Path("platform.toml").write_bytes(cape.ok("config", "export").stdout)
    exported = Path("platform.toml").read_text()
    Path("policy.toml").write_text(exported[exported.index("[[release]]") :])
    third = cape.ok("keys", "generate", "third.key").line
    images = image_files(Path("images"))
    cape.ok("image", "build", images["RECIPE"], "-o", "some.eif")
    return {
        **images,
        "ACCOUNT": "account.key",
        "BUNDLE": "echo.zip",
        "DOCUMENT": "document",
        "ECHO": str(echo_folder()),
        "FUNCTION": function,
        "IMAGE": "some.eif",
        "KEY": "me.key",
        "LETTER": "letter.cape",
        "NAME": f"owner-{secrets.token_hex(3)}",
        "POLICY": "policy.toml",
        "PROFILE": "platform.toml",
        "PUBLIC": third,
        "RECEIPT": "run.receipt",
        "ROLE": "arn:aws:iam::111122223333:role/host",
        "TOKEN": "some.token",
    }


def words_of(line: str, names: dict[str, str]) -> list[str]:
    return [names.get(word, word) for word in line.split()]


def test_every_command_has_a_schema():
    commands = {"-".join(path) for path in COMMANDS if path} - GROUPS
    assert schemas.SCHEMAS.keys() - schemas.SHARED == commands | {"get-pcrs"}
    assert LINES.keys() | ELSEWHERE == schemas.SCHEMAS.keys() - schemas.SHARED


def test_what_a_command_prints_is_what_its_schema_says(cape, prepared):
    """One after the other, as they are listed: `data` holds each against its schema."""
    for name, line in LINES.items():
        words = words_of(line, prepared)
        assert schemas.schema_of(words) == name
        assert cape.data(*words), line


def test_what_it_prints_with_other_options(cape, prepared):
    for line in OTHER_LINES:
        assert cape.data(*words_of(line, prepared), stdin=b"hello"), line


def test_the_data_alone_is_the_same(cape, prepared):
    for line in ("function show FUNCTION", "run FUNCTION hello", "accounts show"):
        words = words_of(line, prepared)
        schemas.check_data(words, json.loads(cape.ok(*words, "-o", "json").stdout))


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["dev", "--port", "0"], "dev"),
        (
            *(["host", "serve", "--port", "0", "--control", "https://cape.example.org"],),
            "host-serve",
        ),
    ],
    ids=["dev", "host serve"],
)
def test_what_goes_on_prints_one_line_once_it_serves(tmp_path, command, name):
    state = {"CAPE_CONFIG_DIR": str(tmp_path / "config"), "CAPE_DATA_DIR": str(tmp_path / "data")}
    environment = os.environ | state
    if name == "host-serve":
        subprocess.run([CAPE, "vault", "create", "-q"], env=environment, check=True, timeout=60)
        command = [*command, "--blobs", str(tmp_path / "blobs.sock")]
    process = subprocess.Popen(
        [CAPE, *command, "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer = json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert rest == b""
    assert schemas.schema_of(command) == name
    schemas.check(command, answer)


# What schemas themselves are like


def parts(schema: object, where: str = "") -> Iterator[tuple[str, dict]]:
    """Yield each part of a schema that is an object, with where it is."""
    if isinstance(schema, dict):
        yield where, schema
        for key, value in schema.items():
            yield from parts(value, f"{where}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from parts(value, f"{where}/{index}")


@pytest.mark.parametrize("name", sorted(schemas.SCHEMAS))
def test_a_schema_is_one_and_says_what_each_member_is(name):
    schema = schemas.SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"{name}.json"
    assert schema["title"]
    for where, part in parts(schema):
        for member, said in part.get("properties", {}).items():
            # What `$ref` names is described where it is.
            described = {"description", "$ref"} & set(said) or where.startswith("/oneOf")
            assert described or "properties" in said, f"{where}: {member}"


# Facts that depend on the check or on what kind of file it is.
OPEN = {("doctor", "facts"), ("host-doctor", "facts"), ("inspect", "facts")}


@pytest.mark.parametrize("name", sorted(schemas.SCHEMAS))
def test_no_member_goes_unsaid(name):
    for where, part in parts(schemas.SCHEMAS[name]):
        if part.get("type") == "object" and (name, where.rpartition("/")[2]) not in OPEN:
            closed = part.get("additionalProperties") is False
            is_map = isinstance(part.get("additionalProperties"), dict)
            assert closed or is_map or (name == "answer" and where != ""), where


@pytest.mark.parametrize(
    "change",
    [
        lambda answer: answer.update(more=1),
        lambda answer: answer.update(error={}),
        lambda answer: answer.update(ok=False),
        lambda answer: answer.update(data=None),
        lambda answer: answer["data"].update(more=1),
        lambda answer: answer["data"].pop("version"),
        lambda answer: answer["data"].update(version=4),
    ],
)
def test_what_is_otherwise_is_noticed(stranger, change):
    answer = stranger.ok("version", "--json").json
    changed = copy.deepcopy(answer)
    change(changed)
    schemas.check(["version"], answer)
    with pytest.raises(ValidationError):
        schemas.check(["version"], changed)


def test_a_failure_that_is_told_otherwise_is_noticed(stranger):
    answer = stranger("run", "--json").json
    for change in ({"code": "E1"}, {"docs": "https://x.example"}, {"more": 1}, {"hint": 1}):
        changed = copy.deepcopy(answer)
        changed["error"] |= change
        with pytest.raises(ValidationError):
            schemas.check(["run"], changed)
    with pytest.raises(ValidationError):
        schemas.check(["run"], answer | {"data": {"more": 1}})


def test_a_schema_refers_to_nothing_that_is_not_there():
    text = json.dumps([*schemas.SCHEMAS.values()])
    for name in set(re.findall(r'"common\.json#/\$defs/(\w+)"', text)):
        assert name in schemas.SCHEMAS["common"]["$defs"]
    for name in schemas.SCHEMAS["common"]["$defs"]:
        assert re.search(rf"#/\$defs/{name}\"", text), f"nobody needs {name}"
