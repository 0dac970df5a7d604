"""What a user can do wrong: the message has the facts, the hint works, the status is sysexits'."""

import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from pycape import errors

OTHER, NO_OUTPUT, USAGE, DATA, NO_INPUT, UNAVAILABLE, CONFIG = 1, 1, 2, 65, 66, 69, 78

SERVE = "host serve --control https://cape.example"

# Words, then what the message and the hint have in them.
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"
KMS = f"vault create --kms-key {KEY} --settings there"
POLICY_OF = "vault policy there --role arn:aws:iam::111122223333:role/host"

WRONG_USES = [
    (USAGE, "rum", "no command `cape rum`", "did you mean `cape run`?"),
    (USAGE, "frobnicate", "no command `cape frobnicate`", "`cape --help` lists them"),
    (USAGE, "token crate", "no command `cape token crate`", "did you mean `cape token create`?"),
    (USAGE, "--frobnicate", "no such option '--frobnicate'", "`cape --help` shows how"),
    (USAGE, "run", "missing argument 'FUNCTION'", "`cape run --help` shows how"),
    (USAGE, "run ID", "there is no input", "-f FILE"),
    (USAGE, "run ID text -f file", "the input is given twice", "one of them"),
    (USAGE, "run not!an!id text", "'not!an!id' is no function's id", "`cape function list`"),
    (USAGE, "run ID -f - -t -", "both the token and the input", "name one's file"),
    (USAGE, "encrypt", "there is no input", "-f -"),
    (NO_INPUT, "encrypt reprot.pdf", "there is no file 'reprot.pdf'", "-f -"),
    (USAGE, "encrypt x --kem rsa", "'rsa' is not one of", "`cape encrypt --help` shows how"),
    (USAGE, "encrypt x --not-after soon", "--not-after is no time: 'soon'", "2027-01-31"),
    (USAGE, "encrypt x --not-after 2020-01-31", "is in the past: 2020-01-31T00:00:00Z", "enclave"),
    (USAGE, "encrypt x --not-after 1960-01-01", "is in the past: 1960-01-01T00:00:00Z", "enclave"),
    (USAGE, "encrypt x --not-after 0900-01-01", "is in the past: 0900-01-01T00:00:00Z", "enclave"),
    (USAGE, "encrypt x --not-after 0001-01-01T00:00+01:00", "--not-after is no time", "2027"),
    (USAGE, "encrypt x --not-after 9999-12-31T23:59-01:00", "--not-after is no time", "2027"),
    (USAGE, "decrypt x", "missing option '-k' / '--key'", "`cape decrypt --help` shows how"),
    (USAGE, "decrypt - -k -", "both the key and the ciphertext", "name one's file"),
    (USAGE, "inspect cape:2:AAAA", "a ciphertext is given", "- in its place"),
    (USAGE, "recipients list cape:2:AAAA", "a ciphertext is given", "- in its place"),
    (USAGE, "run ID -f cape:2:AAAA", "a ciphertext is given", "- in its place"),
    (USAGE, "decrypt x -k capesk1qqqq", "a private key on the command line", "- is stdin"),
    (USAGE, "keys show capesk1qqqq", "a private key on the command line", "- is stdin"),
    (USAGE, "accounts import capeaccountsk1qq", "a private key on the command line", "- is stdin"),
    (NO_OUTPUT, "encrypt hi -o new/", "new/: there is no such folder", "mkdir new/"),
    (NO_OUTPUT, "decrypt - -k x -o new/", "new/: there is no such folder", "mkdir new/"),
    (NO_OUTPUT, "run ID hi -o new/", "new/: there is no such folder", "mkdir new/"),
    (USAGE, "token create", "missing option '--function'", "`cape token create --help`"),
    (USAGE, "version -o yaml", "'yaml' is not one of", "`cape version --help` shows how"),
    (USAGE, "dev --port 70000", "70000 is not in the range", "`cape dev --help` shows how"),
    (USAGE, "dev --port x", "'--port': 'x' is no number", "`cape dev --help` shows how"),
    (USAGE, "console --port 70000", "70000 is not in the range", "`cape console --help` shows how"),
    (CONFIG, "console", "no platform is running here", "`cape dev` starts a local platform"),
    (CONFIG, "console --profile other", "there is no profile 'other'", "`cape join FILE`"),
    (USAGE, "keys generate x --kind rsa", "'rsa' is not one of", "`cape keys generate --help`"),
    (USAGE, "keys generate", "there is no file for the private key", "- is stdout"),
    (USAGE, "keys generate a -o b", "the file is given twice", "one of them"),
    (USAGE, "login", "nothing to log in to", "`cape accounts show`"),
    (USAGE, "signup", "nothing to sign up for", "`cape accounts name NAME`"),
    (NO_INPUT, "deploy nowhere", "nowhere: no such file or directory", "it was looked for in /"),
    (NO_INPUT, "package nowhere", "nowhere: no such file or directory", "it was looked for in /"),
    (
        NO_INPUT,
        "encrypt -f nowhere",
        "nowhere: no such file or directory",
        "it was looked for in /",
    ),
    (NO_INPUT, "encrypt -f .", ".: is a directory", "name a file in it"),
    (NO_INPUT, "join nowhere", "nowhere: no such file or directory", "it was looked for in /"),
    (
        NO_INPUT,
        "token show nowhere",
        "nowhere: no such file or directory",
        "it was looked for in /",
    ),
    (
        NO_INPUT,
        "decrypt x -k nowhere",
        "nowhere: no such file or directory",
        "it was looked for in /",
    ),
    (NO_INPUT, "decrypt x -k .", ".: is a directory", "name a file in it"),
    (NO_INPUT, "accounts import .", ".: is a directory", "name a file in it"),
    (
        NO_INPUT,
        "attest --policy nowhere",
        "nowhere: no such file or directory",
        "it was looked for in /",
    ),
    (DATA, "accounts import -", "this is not text in UTF-8", "`cape inspect FILE`"),
    (NO_INPUT, "keys show nowhere", "nowhere: no such file or directory", "it was looked for in /"),
    (
        NO_INPUT,
        "accounts import nowhere",
        "nowhere: no such file or directory",
        "it was looked for in /",
    ),
    (CONFIG, "keys show", "no platform is running here", "`cape keys generate`"),
    (CONFIG, "keys rotate", "no platform is running here", "`cape dev`"),
    (CONFIG, "encrypt x", "no platform is running here", "`cape dev` starts a local platform"),
    (CONFIG, "run ID x", "no platform is running here", "`cape dev` starts a local platform"),
    (CONFIG, "token create --function ID", "no platform is running", "`cape dev`"),
    (CONFIG, "function list", "no platform is running here", "`cape dev`"),
    (CONFIG, "accounts name alice", "no platform is running here", "`cape dev`"),
    (CONFIG, "deploy .", "there is no profile in", "`cape join FILE`"),
    (
        CONFIG,
        "package .",
        "there is no profile in",
        "`cape join FILE` adds another; or name the enclave's: --python 3.11 --platform x86_64-",
    ),
    (CONFIG, "config export", "there is no profile in", "`cape join FILE`"),
    (CONFIG, "vault show", "there is no profile in", "`cape join FILE`"),
    (CONFIG, "run ID x --profile other", "no profile 'other' (argument)", "`cape join FILE`"),
    (CONFIG, "encrypt x --profile ../x", "'../x'", "lower-case letters"),
    (CONFIG, "encrypt x --url ftp://x", "the platform's address (argument)", "https://HOST"),
    (CONFIG, "encrypt x --url http://a.example", "the platform's address", "https://HOST"),
    (CONFIG, "attest", "no platform is running here", "`cape dev` starts a local platform"),
    (CONFIG, "attest -f - --any-nonce", "no policy that says which enclaves", "CAPE_POLICY"),
    (
        CONFIG,
        "attest --url http://127.0.0.1:1",
        "no policy that says which enclaves",
        "CAPE_POLICY",
    ),
    (UNAVAILABLE, "function list --url http://127.0.0.1:1", "no answer from", "CAPE_URL"),
    (USAGE, "accounts name Ad_a", "'Ad_a' is no user name", "3 to 32 lower-case letters"),
    (USAGE, "accounts name cape1name", "'cape1name' is no user name", "not begin with cape1"),
    (NO_OUTPUT, "keys generate there", "there exists already", "name another file"),
    (NO_OUTPUT, "keys generate there/x", "there/x cannot be written", "there is a file, and no"),
    (NO_OUTPUT, "init there/x", "there/x cannot be written: not a", "there is a file, and no"),
    (NO_OUTPUT, "encrypt -f there -o there/x", "there/x: not a dir", "there is a file, and no"),
    (NO_OUTPUT, f"keys generate {'x' * 300}", "file name too long", "choose a shorter name"),
    (NO_INPUT, "inspect there/x", "there/x: not a directory", "there is a file, and no folder"),
    (NO_INPUT, f"inspect {'x' * 300}", "file name too long", "choose a shorter name"),
    (DATA, "receipt verify there", "there is no receipt: it begins as", "--receipt FILE` keeps"),
    (DATA, "receipt show /dev/null", "/dev/null is no receipt: it is empty", "--receipt FILE`"),
    (DATA, "token show there", "there is no token: it begins as none", "`cape token create"),
    (DATA, "token create --function there", "not the JSON of a function", "`cape deploy FOLDER"),
    (USAGE, "run . x", "'.' is a folder", "`cape deploy .` deploys it"),
    (USAGE, "run x/y/z x", "has the form user/name", "`cape function list`"),
    (USAGE, "token create --function ID --expiry 300x", "'300x'", "`cape token create --help`"),
    (USAGE, "token create --function ID --name \x7f", "is no token's name", "1 to 128 bytes"),
    (USAGE, "deploy . -n BAD_NAME", "cannot be called 'BAD_NAME'", "without -n, the folder's name"),
    (USAGE, "deploy . -n BAD --dry-run", "cannot be called 'BAD'", "without -n, the folder's name"),
    (USAGE, "package . --python 2 --platform x", "'2'", "`cape package --help`"),
    (USAGE, "package . --python 3.11 --platform bogus", "'bogus'", "`cape package --help`"),
    (USAGE, "package . --dry-run -o x", "--dry-run writes nothing", "leave out one of them"),
    (NO_OUTPUT, "package . --into there", "there is there already", "name a new folder"),
    (USAGE, "encrypt x --format v1 --binary -r A", "no binary form", "leave out --binary"),
    (USAGE, "encrypt x --anonymous", "anonymous recipients are keys", "`cape encrypt --help`"),
    (USAGE, "inspect - -k -", "both the file and the key", "name one's file"),
    (USAGE, "keys show --pcr 32:00", "no register with its measurement", "an index of 0 to 31"),
    (USAGE, "run ID x --checksum zz", "64 lower-case hexadecimal digits", "`cape run --help`"),
    (USAGE, "join there --name A/B", "--name: 'A/B' is no profile's name", "lower-case letters"),
    (CONFIG, "join there", "profile there is not TOML", "`cape config export > FILE`"),
    (CONFIG, "attest --policy there", "there: policy file: line 1", "`cape config export`"),
    (USAGE, "vault show extra", "unexpected extra argument", "`cape vault show --help`"),
    (CONFIG, "vault create --data-dir there", "there/local cannot be used", "CAPE_DATA_DIR"),
    (USAGE, "vault create --region eu-west-1", "a vault that KMS keeps", "--kms-key names"),
    (USAGE, f"vault create --kms-key {KEY}", "known settings, and none are given", "--settings"),
    (CONFIG, "vault create --kms-key alias/x --settings x", "not the ARN of a KMS key", "alias"),
    (CONFIG, f"{KMS} --region us-east-1", "of the region eu-west-1, not us-east", "leave out"),
    (NO_INPUT, f"{KMS} --settings nowhere", "nowhere: no such file", "it was looked for in"),
    (CONFIG, KMS, "AWS_ACCESS_KEY_ID is not set", "`aws configure export-credentials"),
    (USAGE, "vault policy", "missing argument 'POLICY [POLICY]...'", "`cape vault policy --help`"),
    (CONFIG, "vault policy there --role a", "'a' is not the ARN of a role or a user", "wildcards"),
    (CONFIG, "vault policy there", "no role may use the key", "--role names one"),
    (CONFIG, f"{POLICY_OF} --account 1", "'1' is not the id of an account", "twelve digits"),
    (CONFIG, POLICY_OF, "nobody could change the policy any more", "--admin names who may"),
    (CONFIG, f"{POLICY_OF} --account 111122223333", "there: policy file: line 1", "[[release]]"),
    (CONFIG, "vault show --profile other", "there is no profile 'other'", "`cape join FILE`"),
    (NO_INPUT, "dev --watch nowhere", "nowhere: no such file", "it was looked for in /"),
    (CONFIG, "dev --data-dir there --port 0", "there/local cannot be used", "CAPE_DATA_DIR"),
    (CONFIG, "console --url ftp://x", "the platform's address", "https://HOST"),
    (USAGE, "host serve", "missing option '--control'", "`cape host serve --help`"),
    (CONFIG, f"{SERVE} --platform nowhere", "there is no profile nowhere", "it was looked for in"),
    (USAGE, f"{SERVE} --hosts --enclave u", "for one that does not", "leave out one"),
    (CONFIG, "host run --config nowhere", "there is no file nowhere", "host.toml is an example"),
    (CONFIG, "host run --config there", "there: Expected '='", "docs/operate/hosts.md"),
    (CONFIG, "host status --config nowhere", "there is no file nowhere", "host.toml is an example"),
    (
        USAGE,
        "host create-vault --policy there",
        "missing option '--control'",
        "`cape host create-vault --help`",
    ),
    (
        USAGE,
        "host create-vault --policy there --control ftp://x",
        "--control: 'ftp://x'",
        "--control https://HOST",
    ),
    (USAGE, "host admit A_B", "'A_B' is no host's name", "63 lower-case letters"),
    (USAGE, "host admit a -o t --token-file t", "-o is for a token that is made", "leave out -o"),
    (CONFIG, "host admit a --token-file nowhere", "there is no file nowhere", "`cape host admit"),
    (USAGE, "host dismiss a", "there is no terminal to ask on", "--yes"),
    (OTHER, "host dismiss a --yes", "no host is admitted as a", "`cape host list`"),
    (USAGE, "host serve --control ftp://x", "--control: 'ftp://x'", "--control https://HOST"),
    (USAGE, f"{SERVE} --session http://x", "--session: 'http://x'", "wss://HOST/v2/session"),
    (USAGE, f"{SERVE} --enclave ws://x", "--enclave: 'ws://x'", "http://127.0.0.1:PORT"),
    (USAGE, f"{SERVE} --name A/B", "--name: 'A/B' is no profile's name", "lower-case letters"),
    (CONFIG, f"{SERVE} --data-dir there", "there is no vault in", "`cape vault create`"),
]
ID = "2jTPqWeNSf8EN1WteZWmE6XNBatr"


@pytest.mark.parametrize(("status", "words", "message", "hint"), WRONG_USES)
def test_is_told_with_the_facts_and_what_to_do(stranger, status, words, message, hint):
    Path("there").write_text("hello there\n")
    assert hint
    error = stranger.error(*words.replace("ID", ID).split(" "), stdin=b"\xff")
    assert error["status"] == status
    assert message in error["message"]
    assert hint in error["hint"]


def test_a_name_that_is_almost_right(stranger, tmp_path):
    (tmp_path / "letter.cape").write_text("x")
    error = stranger.error("inspect", "leter.cape")
    assert (error["message"], error["hint"]) == (
        "leter.cape: no such file or directory",
        "did you mean letter.cape?",
    )
    error = stranger.error("inspect", "nowhere/letter.cape")
    assert error["hint"] == f"there is no folder {tmp_path / 'nowhere'}"


def test_a_text_that_is_empty(stranger):
    """As of a variable that is not set."""
    error = stranger.error("encrypt", "")
    assert (error["status"], error["message"]) == (USAGE, "the text is empty")
    assert "-f -" in error["hint"]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--settings", "there"], "cape-enclave vault: settings: ", "running.md has what settings"),
        (["--endpoint", "kms.example.com"], "endpoint is not one of the names", "keys.md how KMS"),
        (["--endpoint", ""], '":443" is not HOST:PORT', "keys.md how KMS"),
        (["--kms-pipe", "nowhere"], '"nowhere" is not HOST:PORT', "keys.md how KMS"),
        (["--kms-pipe", ""], '"" is not HOST:PORT', "keys.md how KMS"),
        (["--region", ""], "the key is of the region eu-west-1, not ", "leave out --region"),
    ],
)
def test_what_a_vault_cannot_be_made_with(stranger, monkeypatch, words, message, hint):
    """No empty variable stands for what KMS has by itself, and no log says more."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "AKID")
    Path("there").write_text("hello there\n")
    shutil.copy(files("pycape.local") / "settings.toml", "settings.toml")
    create = ["vault", "create", "--kms-key", KEY, "--settings", "settings.toml"]
    error = stranger.error(*create, *words)
    assert error["status"] == CONFIG
    assert message in error["message"]
    assert hint in error["hint"]


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_a_credential_of_other_characters_is_not_repeated(stranger, monkeypatch, name):
    for other in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(other, "AKID")
    monkeypatch.setenv(name, "s3cret\udcff")
    Path("there").write_text("hello there\n")
    error = stranger.error(*KMS.split())
    assert (error["status"], error["message"]) == (
        CONFIG,
        f"there are no credentials for KMS: {name} is not ASCII, as they are",
    )


def test_a_ciphertext_in_a_files_place_is_not_repeated(stranger):
    public = stranger.ok("keys", "generate", "me.key").line
    sealed = stranger.ok("encrypt", "hello", "-r", public).line
    error = stranger.error("decrypt", sealed, "-k", "me.key")
    assert (error["status"], error["message"]) == (
        USAGE,
        "a ciphertext is given, and no file's name",
    )


def test_a_private_key_is_not_repeated(stranger):
    """What is shown on a terminal is kept in logs."""
    secret = stranger.ok("keys", "generate", "-").line
    outcome = stranger("decrypt", "letter.cape", "-k", secret)
    assert outcome.status == USAGE
    assert secret not in outcome.stderr
    for words in (
        ["encrypt", "hi", "-r", secret],
        ["encrypt", "hi", "--function", secret],
        ["encrypt", secret, "-o", "x"],
        ["recipients", "add", "letter.cape", "-k", "me.key", "-r", secret],
        ["accounts", "trust", "bob", secret],
        ["run", secret],
        ["function", "show", secret],
    ):
        outcome = stranger(*words)
        assert outcome.status != 0
        assert secret not in outcome.stderr + outcome.stdout.decode(), words


@pytest.mark.parametrize(
    "words",
    [
        "run KEY x",
        "function show KEY",
        "function delete KEY --yes",
        "token create --function KEY",
        "encrypt x --function KEY",
        "token show KEY",
        "join KEY",
        "inspect KEY",
        "receipt show KEY",
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_file_with_a_private_key_is_not_repeated(stranger, words, form):
    stranger.ok("keys", "generate", "me.key")
    secret = Path("me.key").read_text()
    outcome = stranger(*words.replace("KEY", "me.key").split(), *(["--json"] * (form == "json")))
    assert secret.startswith("capesk1")
    assert secret[8:72] not in outcome.stderr + outcome.stdout.decode()


def test_an_empty_name_is_no_file(stranger):
    for words in (
        ["encrypt", "hi", "-o", ""],
        ["decrypt", "x.cape", "-k", "me.key", "-o", ""],
        ["accounts", "export", ""],
    ):
        error = stranger.error(*words)
        assert error["status"] == USAGE
        assert error["message"].endswith("is empty")


@pytest.mark.parametrize("words", [["encrypt", "hi"], ["recipients", "add", "x", "-k", "me.key"]])
def test_a_recipients_file(stranger, words):
    stranger.ok("keys", "generate", "me.key")
    error = stranger.error(*words, "-r", "me.key")
    assert (error["status"], error["message"][:16]) == (USAGE, "me.key is a file")
    assert error["hint"].startswith('-r "$(cape keys show me.key)"')


def test_behind_two_hyphens_is_no_option(stranger):
    outcome = stranger("encrypt", "--", "--json")
    assert (outcome.status, outcome.stdout) == (CONFIG, b"")
    assert outcome.stderr.startswith("cape: error: no platform is running here")


def test_before_anything_is_understood_json_is_json(stranger):
    outcome = stranger("--json", "rum")
    assert (outcome.status, outcome.stderr) == (2, "")
    assert outcome.json["error"]["code"] == "CAPE-CLI-001"


def test_options_of_every_command_stand_anywhere(stranger):
    for words in (["--json", "version"], ["version", "--json"]):
        assert stranger.ok(*words).json["ok"] is True
    for words in (
        ["-q", "accounts", "show"],
        ["accounts", "-q", "show"],
        ["accounts", "show", "-q"],
    ):
        assert stranger.ok(*words).line.startswith("cape1")


def test_what_is_no_ciphertext(stranger):
    stranger.ok("keys", "generate", "me.key")
    for sealed in (b"", b"hello", b"cape:2:????", b"cape:3:AAAA", b"cape:2:" + b"A" * 400):
        error = stranger.error("decrypt", "-", "-k", "me.key", stdin=sealed)
        assert error["status"] == DATA
        assert error["code"] in {errors.UnsupportedFormat.code, errors.Truncated.code}


def test_a_ciphertext_for_somebody_else(stranger):
    stranger.ok("keys", "generate", "me.key")
    public = stranger.ok("keys", "generate", "other.key").line
    stranger.ok("encrypt", "to you", "-r", public, "-o", "letter.cape")
    error = stranger.error("decrypt", "letter.cape", "-k", "me.key")
    assert (error["status"], error["code"]) == (DATA, errors.DecryptFailed.code)


def test_what_is_no_recipient(stranger, platform):
    def error(*words):
        return stranger.error("encrypt", "x", "--url", platform.url, *words)

    assert error("-r", "capepk1nonsense")["code"] == errors.KeyInvalid.code
    assert error("-r", "nobody-has-this-name")["code"] == errors.RecipientUnknown.code
    mistyped = "cape1" + "q" * 58
    assert "copy it whole" in error("-r", mistyped)["hint"]


def test_what_is_no_token(cape, echo):
    error = cape.error("run", echo["function_id"], "x", "-t", "-", stdin=b"not a token")
    assert (error["status"], error["message"]) == (
        DATA,
        "stdin is no token: it begins as none does",
    )


def test_a_folder_without_a_handler(cape, tmp_path):
    (tmp_path / "empty").mkdir()
    error = cape.error("deploy", "empty")
    assert (error["status"], error["code"]) == (DATA, errors.HandlerMissing.code)
    (tmp_path / "empty" / "app.py").write_text("def other(): pass\n")
    assert "cape_handler" in cape.error("deploy", "empty")["message"]


def test_a_folder_that_is_no_python(cape, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "app.py").write_text("def cape_handler(x:\n")
    error = cape.error("deploy", "broken")
    assert error["status"] == DATA
    assert "app.py" in error["message"]


def test_a_result_that_cannot_be_written(cape, echo):
    error = cape.error("run", echo["function_id"], "x", "-o", "nowhere/answer")
    assert (error["status"], error["code"]) == (1, "CAPE-CLI-004")
    assert error["message"] == "nowhere/answer: no such file or directory"


def test_expiries_that_are_none(cape, echo):
    for expiry in ("soon", "0", "91d", "-1", "1y"):
        error = cape.error(
            "token", "create", "--function", echo["function_id"], f"--expiry={expiry}"
        )
        assert error["status"] == USAGE, expiry


def test_a_defect_says_how_to_report_it(stranger, monkeypatch):
    monkeypatch.setattr("platform.python_version", lambda: 1 / 0)
    error = stranger.error("version")
    assert (error["status"], error["code"]) == (1, "CAPE-CLI-006")
    assert "ZeroDivisionError" in error["message"]
    assert "Traceback" in stranger("version", "-v").stderr
