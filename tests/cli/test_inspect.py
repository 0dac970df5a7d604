"""cape inspect: what it recognises, what it never shows, and what it does not know."""

import json
import random

import pytest

from pycape import errors
from pycape.demo import echo_folder

from .inspected import ACCOUNT, KEY, TEXTS, sealed, zipped

KINDS = [*TEXTS, "envelope", "bundle", "profile", "attestation"]


@pytest.fixture
def content(platform, cape):
    """Return what each kind of file can hold."""

    def of(kind: str) -> bytes:
        match kind:
            case "envelope":
                return sealed()
            case "bundle":
                return zipped()
            case "profile":
                return platform.profile.dump().encode()
            case "attestation":
                return platform.profile.birth
        return TEXTS[kind].encode()

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognised_and_both_outputs_say_the_same(cape, tmp_path, content, kind):
    (tmp_path / "file").write_bytes(content(kind))
    data = cape.data("inspect", "file")
    parts = {"kind", "title", "verified", "checked", "facts", "words", "not_looked_at"}
    assert data.keys() == parts
    assert data["kind"] == kind
    assert data["verified"] is (data["checked"] is not None)
    told = cape.ok("inspect", "file").text
    assert max(map(len, told.splitlines())) <= 80
    words = " ".join(told.split())
    for said in (data["title"], *data["words"]):
        assert " ".join(said.split()) in words
    for name, value in data["facts"].items():
        if value is not None:
            assert name.replace("_", " ") in words
    assert ("nothing of it was verified" in words) is not data["verified"]
    assert cape.ok("inspect", "file", "-q").line == kind
    assert (
        cape.data("inspect", "-", stdin=content(kind) + (b"\n" if kind in TEXTS else b"")) == data
    )


@pytest.mark.parametrize("kind", ["private-key", "account-key"])
def test_a_secret_is_never_shown(stranger, tmp_path, kind):
    (tmp_path / "file").write_text(TEXTS[kind])
    secret = TEXTS[kind].partition("1")[2]
    for words in (["inspect", "file"], ["inspect", "file", "--json"], ["inspect", "file", "-v"]):
        outcome = stranger.ok(*words)
        told = outcome.text + outcome.stderr
        assert secret not in told
        for raw in (KEY.to_raw(), bytes(range(32))):
            assert raw.hex() not in told
    assert not stranger.config.exists(), "no account is made by looking"


@pytest.mark.parametrize(
    "members",
    [
        {"function_token": TEXTS["token"]},
        {"token": "whatever it is"},
        {"other": TEXTS["token"]},
    ],
)
def test_of_a_token_in_a_functions_json_it_is_told_that_it_is_there(stranger, members):
    [secret] = members.values()
    text = json.dumps({**json.loads(TEXTS["function"]), **members}).encode()
    assert stranger.data("inspect", "-", stdin=text)["facts"]["holds_token"] is True
    for form in ([], ["-v"], ["--json"]):
        outcome = stranger.ok("inspect", "-", *form, stdin=text)
        assert secret not in outcome.text + outcome.stderr
    facts = stranger.data("inspect", "-", stdin=TEXTS["function"].encode())["facts"]
    assert facts["holds_token"] is False


def test_what_is_not_known_is_told_with_what_is(stranger, tmp_path):
    for content in (
        b"",
        b"hello",
        b"\0" * 100,
        b"\x84",
        b"\x9f" * 40_000,
        b"PK\x03\x04",
        zipped("data.txt"),
        b"{}",
    ):
        (tmp_path / "file").write_bytes(content)
        error = stranger.error("inspect", "file")
        assert (error["status"], error["code"]) == (65, "CAPE-CLI-003")
        assert error["message"] == "file is nothing that is known here"
        for kind in ("an envelope", "a profile", "manifest, token", "a function's zip"):
            assert kind in error["hint"]


def test_a_damaged_file_of_a_known_kind_is_told_as_that(stranger):
    for text, code in {
        "cape:9:AAAA": errors.UnsupportedFormat.code,
        KEY.to_text()[:-1]: errors.KeyInvalid.code,
        KEY.public_key.to_text() + "q": errors.KeyInvalid.code,
        ACCOUNT.to_text()[:-1]: errors.KeyInvalid.code,
        '{"function_id": "x"}': "CAPE-CLI-003",
        '{"function_id": 1}': "CAPE-CLI-003",
        json.dumps({**json.loads(TEXTS["function"]), "function_checksum": "ab" * 32}): (
            "CAPE-CLI-003"
        ),
    }.items():
        error = stranger.error("inspect", "-", stdin=text.encode())
        assert (error["status"], error["code"]) == (65, code)


def test_no_file_makes_it_fail_in_a_way_that_was_not_foreseen(cape, tmp_path, content):
    """Each kind, cut and with bytes changed: always an explanation, or an error of ours."""
    chance = random.Random(1)  # noqa: S311 - the same bytes each time
    known = {0, 65, 76, 77, 78}
    for kind in KINDS:
        whole = content(kind)
        for attempt in range(12):
            harmed = bytearray(whole)
            for _ in range(attempt % 4):
                harmed[chance.randrange(len(harmed))] = chance.randrange(256)
            del harmed[chance.randrange(1, len(harmed) + 1) :]
            (tmp_path / "file").write_bytes(harmed)
            outcome = cape("inspect", "file")
            assert outcome.status in known, (kind, bytes(harmed), outcome.stderr)


def test_a_folder_is_no_file(stranger):
    assert stranger.error("inspect", str(echo_folder()))["message"].endswith("is a directory")


def test_the_file_and_the_key_cannot_both_come_from_stdin(stranger):
    assert stranger.error("inspect", "-", "-k", "-")["status"] == 2
