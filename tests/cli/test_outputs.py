"""What commands write to files: nothing is replaced unasked, and no input and no key at all."""

import os
from pathlib import Path

import pytest

from pycape import Token
from pycape.demo import echo_folder

USAGE = 2
ID = "2jTPqWeNSf8EN1WteZWmE6XNBatr"

# Each command with its output in the file `out`, and what it does before, in vain.
WRITES = {
    "run": ["run", ID, "hi", "-o", "out"],
    "receipt": ["run", ID, "hi", "--receipt", "out"],
    "salts": ["run", ID, "hi", "--receipt", "new"],
    "attest": ["attest", "--save", "out"],
    "verdict": ["attest", "--save", "new"],
    "token": ["token", "create", "--function", ID, "-o", "out"],
    "package": ["package", echo_folder(), "-o", "out"],
}
TARGET = ("--python", "3.11", "--platform", "x86_64-manylinux_2_28")
REPLACED = {"salts": "new.salts", "verdict": "new.json"}


@pytest.mark.parametrize("what", WRITES)
def test_a_file_is_not_replaced_unasked(stranger, what):
    """It is told before anything is sent: there is no platform."""
    file = Path(REPLACED.get(what, "out"))
    file.write_bytes(b"before")
    error = stranger.error(*WRITES[what])
    assert (error["status"], error["hint"]) == (USAGE, "--yes does it without asking")
    assert error["message"] == f"{file} exists: replace it? there is no terminal to ask on"
    assert file.read_bytes() == b"before"
    for spelling in ("--yes", "--force"):
        assert stranger.error(*WRITES[what], spelling)["status"] == 78, "then it goes on"


@pytest.mark.parametrize("what", WRITES)
def test_a_private_key_is_not_written_over(stranger, what):
    file = REPLACED.get(what, "out")
    stranger.ok("keys", "generate", file)
    before = Path(file).read_bytes()
    error = stranger.error(*WRITES[what], "--yes")
    assert error["status"] == USAGE
    assert error["message"] == f"{file} is a private key, which is never overwritten"
    assert Path(file).read_bytes() == before


@pytest.mark.parametrize(
    "key",
    [
        b"capeaccountsk1qqqq\n",
        b"-----BEGIN PRIVATE KEY-----\n",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
        b"Bag Attributes\n    friendlyName: me\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
        bytes.fromhex("308204be020100300d06092a864886f70d010101"),
    ],
)
def test_private_keys_of_others_are_known(stranger, key):
    Path("me.key").write_bytes(key)
    error = stranger.error("run", ID, "hi", "-o", "me.key", "--yes")
    assert error["message"] == "me.key is a private key, which is never overwritten"
    assert Path("me.key").read_bytes() == key


def test_an_account_is_not_written_over(cape):
    key = cape.config / "account.key"
    before = key.read_bytes()
    for words in (["run", ID, "hi", "-o"], ["run", ID, "hi", "--receipt"], ["attest", "--save"]):
        assert "is a private key" in cape.error(*words, key, "--yes")["message"]
    assert key.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "both"),
    [
        ("--receipt both -o both", "the output and the receipt"),
        ("--receipt both -o ./both", "the output and the receipt"),
        ("--receipt link -o both", "the output and the receipt"),
        ("--receipt hard -o both", "the output and the receipt"),
        ("--receipt q1 -o q1.salts", "the output and its salts"),
    ],
)
def test_two_results_do_not_go_into_one_file(stranger, words, both):
    Path("link").symlink_to("both")
    if "hard" in words:
        Path("both").write_bytes(b"before")
        os.link("both", "hard")
    error = stranger.error("run", ID, "hi", *words.split(), "--yes")
    assert error["status"] == USAGE
    assert error["message"].startswith(f"{both} are to go into the same file: ")
    assert error["hint"] == "each needs a file of its own"


@pytest.mark.parametrize(
    "words",
    [
        "run ID -f inp --receipt inp",
        "run ID -f inp -o inp",
        "run ID -f inp.salts --receipt inp",
        "run ID hi -t inp --receipt link",
        "run ID hi -t inp -o hard",
        "run ./inp hi -o inp",
        "attest --policy inp --save inp",
        "attest --policy inp.json --save inp",
        "attest -f inp --any-nonce --save link",
        "package inp -o link",
        "token create --function inp -o link",
        "encrypt inp.salts --function ID --function inp -o inp",
    ],
)
def test_what_is_read_is_not_written_over(stranger, words):
    for name in ("inp", "inp.salts", "inp.json"):
        Path(name).write_bytes(b"before")
    Path("link").symlink_to("inp")
    os.link("inp", "hard")
    error = stranger.error(*words.replace("ID", ID).split(), "--yes")
    assert error["status"] == USAGE
    assert "are the same file" in error["message"]
    assert "name another for " in error["hint"]
    for name in ("inp", "inp.salts", "inp.json"):
        assert Path(name).read_bytes() == b"before"


@pytest.mark.parametrize(
    ("folder", "output"),
    [
        ("fn", "fn/app.py"),
        ("fn/", "fn/inner/data"),
        (".", "fn/app.py"),
        ("fn", "link"),
        ("to_fn", "fn/app.py"),
    ],
)
def test_no_file_in_a_folder_that_is_read_is_written_over(stranger, folder, output):
    read = {"fn/app.py": b"def cape_handler(i): return i\n", "fn/inner/data": b"before"}
    for name, data in read.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(data)
    Path("link").symlink_to("fn/app.py")
    Path("to_fn").symlink_to("fn")
    error = stranger.error("package", folder, *TARGET, "-o", output, "--yes")
    assert error["status"] == USAGE
    assert error["message"] == f"{output} is in {folder}, which is read"
    assert error["hint"] == "name a file for the bundle that is not in there"
    assert {name: Path(name).read_bytes() for name in read} == read


def test_a_new_file_in_a_folder_and_one_beside_it_may_be_written(stranger):
    Path("fn").mkdir()
    Path("fn/app.py").write_bytes(b"def cape_handler(i): return i\n")
    Path("fn.zip").write_bytes(b"before")
    for output in ("fn.zip", "fn/new.zip"):
        stranger.ok("package", "fn", *TARGET, "-o", output, "--yes")
        assert Path(output).read_bytes().startswith(b"PK")


def test_stdin_may_be_the_file(stranger):
    public = stranger.ok("keys", "generate", "me.key").line
    Path("letter").write_bytes(b"before")
    with Path("letter").open("rb") as stdin:
        outcome = stranger("encrypt", "-", "-r", public, "-o", "letter", "--yes", stdin=stdin)
    assert (outcome.status, Path("letter").read_bytes()) == (USAGE, b"before")
    assert "stdin and letter are the same file" in outcome.stderr


@pytest.mark.parametrize(
    ("output", "status", "message"),
    [
        ("folder", USAGE, "folder is a folder"),
        ("nowhere/out", 1, "nowhere/out: no such file or directory"),
    ],
)
def test_a_place_that_is_none_is_told_before_anything_is_sent(stranger, output, status, message):
    Path("folder").mkdir()
    for words in (["run", ID, "hi", "-o"], ["run", ID, "hi", "--receipt"], ["attest", "--save"]):
        error = stranger.error(*words, output)
        assert (error["status"], error["message"]) == (status, message)


def test_devices_and_new_files_are_not_asked_for(cape, echo):
    run = ["run", echo["function_id"], "hello"]
    cape.ok(*run, "-o", "/dev/null", "--receipt", "run.receipt")
    cape.ok("attest", "--save", "doc")
    cape.ok(*run, "-o", "out", "--receipt", "run.receipt", "--yes")
    cape.ok("receipt", "verify", "run.receipt", "--output", "out")
    cape.ok("attest", "--save", "doc", "--yes")
    cape.ok("token", "create", "--function", echo["function_id"], "-o", "token")
    cape.ok("token", "create", "--function", echo["function_id"], "-o", "token", "--yes")
    assert Token.from_disk("token").inspect()
