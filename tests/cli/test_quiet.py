"""`-q`: each command prints what names its result, one a line, or bytes that are the result."""

from pathlib import Path

import pytest

from pycape.cli._context import Context

from .test_schemas import LINES, prepared, words_of

__all__ = ["prepared"]

# Where a command's data has what it prints; * is each member.
PRINTED = {
    "accounts-export": "account",
    "accounts-import": "account",
    "accounts-name": "account",
    "accounts-show": "account",
    "accounts-trust": "account",
    "attest": "module_id",
    "completion": "script",
    "config": "profile.value",
    "config-export": "toml",
    "deploy": "function_id",
    "explain": "code",
    "function-delete": "function_id",
    "function-list": "functions.*.function_id",
    "function-show": "function_id",
    "function-verify": "function_checksum",
    "get-pcrs": "pcrs.*.*",
    "host-admit": "token",
    "host-list": "hosts.*.host",
    "host-dismiss": "host",
    "image-build": "pcrs.0",
    "image-diff": "differences.*.name",
    "image-inspect": "pcrs.0",
    "image-policy": "toml",
    "image-sign": "pcrs.8",
    "init": "folder",
    "inspect": "kind",
    "join": "profile",
    "keys-generate": "public_key",
    "keys-rotate": "epoch",
    "keys-show": "public_key",
    "package": "bundle_sha256",
    "receipt-show": "receipt.checksum",
    "receipt-verify": "receipt.checksum",
    "recipients-add": "recipients.*.key_id",
    "recipients-list": "recipients.*.key_id",
    "recipients-remove": "recipients.*.key_id",
    "token-create": "token",
    "token-list": "tokens.*.jti",
    "token-revoke": "jti",
    "token-show": "jti",
    "vault-create": "vault",
    "vault-show": "vault",
    "version": "version",
}
OCTETS = {
    "decrypt": "hello",
    "encrypt": "cape:2:",
    "run": "hello",
    "test": "hello",
    "vault-policy": "{",
}


def values_at(data: object, path: str) -> list[str]:
    """Return what is at a path in data, as text."""
    found = [data]
    for name in path.split("."):
        if name == "*":
            found = [
                each
                for group in found
                for each in (group.values() if isinstance(group, dict) else group)
            ]
        else:
            found = [each[name] for each in found]
    return [str(each) for each in found]


@pytest.fixture
def told(monkeypatch) -> list[dict]:
    """The data that commands give, in whatever form it is printed."""
    told = []
    give = Context.result

    def listen(self, data, *others):
        told.append(data)
        give(self, data, *others)

    monkeypatch.setattr(Context, "result", listen)
    return told


def test_every_command_prints_identifiers_or_its_result(cape, prepared, told):
    assert PRINTED.keys() | OCTETS.keys() | {"doctor"} == LINES.keys()
    for name, line in LINES.items():
        outcome = cape.ok(*words_of(line, prepared), "-q")
        assert outcome.stderr == "", name
        if name == "doctor":
            assert outcome.line in {"ok", "warning"}
        elif name in OCTETS:
            assert outcome.text.startswith(OCTETS[name])
        else:
            printed = outcome.text.strip().splitlines()
            assert printed == "\n".join(values_at(told[-1], PRINTED[name])).splitlines(), name


@pytest.mark.parametrize("line", ["run FUNCTION hello", "test ECHO hello", "decrypt LETTER -k KEY"])
def test_of_a_file_with_the_result_it_prints_the_name(cape, prepared, line):
    words = [*words_of(line, prepared), "-o", "answer"]
    outcome = cape.ok(*words, "-q")
    assert (outcome.line, outcome.stderr) == ("answer", "")
    outcome = cape.ok(*words, "--yes")
    assert outcome.text == ""
    assert outcome.stderr.endswith("wrote answer\n")
    assert Path("answer").read_bytes() == b"hello"


def test_where_there_is_none_it_prints_nothing(cape):
    assert cape.ok("function", "list").line == "no functions"
    assert cape.ok("function", "list", "-q").stdout == b""
