"""Each command that reads or writes a file, with files that it cannot use.

What is said of each is looked at by `error` (tests/cli/told.py).
"""

from pathlib import Path

import pytest

from pycape import errors
from pycape.demo import echo_folder

NO_OUTPUT, USAGE, DATA, NO_INPUT, CONFIG = 1, 2, 65, 66, 78

POLICY = f'[[release]]\nname = "r"\npcr0 = "{"99" * 48}"\nvault = "{"11" * 32}"\n'

# What is not there to be read.
MISSING = ["nowhere", "nowhere/x", "folder", "text/x", "x" * 300]

# What is something else than what is wanted.
OTHER = ["empty", "text", "octets"]

READ = [
    "accounts import FILE --yes",
    "attest --file FILE --any-nonce --policy policy.toml",
    "attest --policy FILE",
    "decrypt FILE -k me.key",
    "decrypt sealed -k FILE",
    "inspect FILE",
    "inspect sealed -k FILE",
    "join FILE",
    "keys show FILE",
    "receipt show FILE",
    "receipt verify FILE --policy policy.toml",
    "recipients add FILE -r PUBLIC -k me.key",
    "recipients list FILE",
    "recipients remove FILE -r PUBLIC -k me.key",
    "token revoke FILE --yes",
    "token show FILE",
]

# Of settings and secrets the library tells, as `ConfigError`, where a program names them too.
OF_SETTINGS = {"accounts import", "attest --policy", "decrypt sealed", "join FILE"}

WRITTEN = [
    "accounts export FILE",
    "decrypt sealed -k me.key -o FILE",
    "encrypt -f text -r PUBLIC -o FILE",
    "keys generate FILE",
]


@pytest.fixture
def run(stranger):
    """Run a line that fails, in a folder with a file of each kind."""
    public = stranger.ok("keys", "generate", "me.key", "--kind", "x25519").line
    stranger.ok("accounts", "show")
    stranger.ok("encrypt", "-f", "-", "-r", public, "-o", "sealed", "--binary", stdin=b"hello")
    Path("folder").mkdir()
    for name, content in {
        "empty": b"",
        "text": b"hello there\n",
        "octets": b"\xff\x00\xfe" * 99,
        "policy.toml": POLICY.encode(),
    }.items():
        Path(name).write_bytes(content)
        Path(name).chmod(0o600)

    def failing(line: str, file: str) -> dict:
        named = {"FILE": file, "PUBLIC": public}
        return stranger.error(*(named.get(word, word) for word in line.split()))

    return failing


@pytest.mark.parametrize("line", READ)
def test_what_cannot_be_read(run, line):
    for name in MISSING:
        if name == "folder" and line.startswith("recipients") and "list" not in line:
            continue  # what is changed has to be a file: that is told as usage
        error = run(line, name)
        assert (error["status"], error["code"]) == (NO_INPUT, "CAPE-CLI-002"), name
        assert error["message"].startswith(name[:200])


@pytest.mark.parametrize("line", READ)
def test_what_is_something_else(run, line):
    allowed = {DATA, CONFIG} if any(map(line.startswith, OF_SETTINGS)) else {DATA}
    for name in OTHER:
        assert run(line, name)["status"] in allowed, name


@pytest.mark.parametrize("line", WRITTEN)
def test_what_cannot_be_written(run, line):
    for name in ("text/x", "nowhere/" + "x" * 300, "x" * 300):
        error = run(line, name)
        assert (error["status"], error["code"]) == (NO_OUTPUT, "CAPE-CLI-004"), name
        assert "CAPE_CONFIG_DIR" not in error["hint"], "it is no help here"
    error = run(line, "me.key")
    assert "never overwritten" in error["message"]


@pytest.mark.parametrize(
    ("file", "wanted", "is_"),
    [
        ("sealed", "receipt", "a ciphertext of Cape"),
        ("me.key", "receipt", "a private key"),
        ("policy.toml", "receipt", "a policy"),
        ("empty", "receipt", "empty"),
        ("sealed", "token", "a ciphertext of Cape"),
        ("me.key", "token", "a private key"),
        ("sealed", "attestation document", "a ciphertext of Cape"),
    ],
)
def test_what_it_is_instead_is_told(run, file, wanted, is_):
    line = {
        "receipt": "receipt verify FILE",
        "token": "token show FILE",
        "attestation document": "attest --file FILE --any-nonce --policy policy.toml",
    }[wanted]
    error = run(line, file)
    assert (error["status"], error["code"]) == (DATA, "CAPE-CLI-003")
    assert error["message"].startswith(f"{file} is no {wanted}: it is {is_}")


def test_a_file_in_a_functions_folder_is_no_folder(cape):
    Path("salaries").mkdir()
    Path("salaries/app.py").write_text("def cape_handler(data): return data\n")
    error = cape.error("deploy", "salaries/app.py")
    assert error["status"] == DATA
    assert error["hint"] == "name the folder that it is in: salaries/"
    error = cape.error("run", "salaries/app.py", "x")
    assert error["status"] == DATA
    assert error["hint"].startswith("`cape deploy FOLDER -o json` writes such a file")
    Path("parent/salaries").mkdir(parents=True)
    for folder in ("salaries", "salaries/", "parent/salaries"):
        error = cape.error("run", folder, "x")
        assert (error["status"], error["message"]) == (
            USAGE,
            f"'{folder}' is a folder here, and no deployed function",
        )
        assert error["hint"].startswith(f"`cape deploy {folder}` deploys it")


def test_a_bundle_that_cannot_be_written(cape):
    Path("file").write_text("")
    for place in (["-o", "file/x"], ["--into", "file"], ["--into", "file/x"]):
        error = cape.error("package", echo_folder(), *place)
        assert (error["status"], error["code"]) == (NO_OUTPUT, "CAPE-CLI-004"), place
    assert "file is a file, and no folder" in error["hint"]


def test_an_accounts_file_that_was_named_is_not_of_the_configuration_folder(stranger, monkeypatch):
    Path("file").write_text("")
    monkeypatch.setenv("CAPE_ACCOUNT_KEY_FILE", "file/account.key")
    assert "is a file, and no folder" in stranger.error("accounts", "show")["hint"]


def test_where_a_program_chose_the_file_the_configuration_folder_is_no_help(tmp_path, echo):
    from pycape import FunctionRef, keys

    (tmp_path / "file").write_text("")
    within = tmp_path / "file" / "x"
    for write in (
        lambda: FunctionRef(echo["function_id"]).to_json(within),
        lambda: keys.save_private_key(keys.PrivateKey.generate("x25519"), within),
    ):
        with pytest.raises(errors.ConfigError) as raised:
            write()
        assert raised.value.hint == f"{tmp_path / 'file'} is a file, and no folder"
