"""accounts show, name, trust, export, import; keys generate, show, rotate."""

import re

import pytest

from pycape import envelope, errors, keys
from pycape._core import Account
from pycape.demo import echo_folder


def test_an_account_is_made_once_and_announced(stranger):
    first = stranger.ok("accounts", "show")
    assert "made an account for you" in first.stderr
    second = stranger.ok("accounts", "show")
    assert (second.text, second.stderr) == (first.text, "")
    key = stranger.config / "account.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert str(key) in second.text


def test_an_account_moves_to_another_machine(cape, stranger, tmp_path):
    account = cape.ok("accounts", "show", "-q").line
    assert account in cape.ok("accounts", "export", "backup.key").text
    assert (tmp_path / "backup.key").stat().st_mode & 0o777 == 0o600
    assert cape.error("accounts", "export", "backup.key")["status"] == 1, "never overwritten"
    assert stranger.ok("accounts", "import", "backup.key").line == f"this machine is {account}"
    assert stranger.ok("accounts", "show", "-q").line == account
    assert (stranger.config / "account.key").stat().st_mode & 0o777 == 0o600
    again = cape.ok("accounts", "export", "-").line
    assert again == (tmp_path / "backup.key").read_text().strip()
    data = {"account": account, "key_file": str(stranger.config / "account.key"), "replaced": None}
    (stranger.config / "account.key").unlink()
    assert stranger.data("accounts", "import", "-", stdin=again.encode()) == data


def test_without_a_name_the_export_is_named_after_the_account(cape, tmp_path):
    account = cape.ok("accounts", "show", "-q").line
    data = cape.data("accounts", "export")
    assert data == {"account": account, "file": f"{account[:16]}.key"}
    assert Account.from_text((tmp_path / data["file"]).read_text()).id == account


def test_an_export_goes_where_o_says(cape, tmp_path):
    data = cape.data("accounts", "export", "-o", "backup.key")
    assert data["file"] == "backup.key"
    assert Account.from_text((tmp_path / "backup.key").read_text()).id == data["account"]
    assert cape.error("accounts", "export", "a", "-o", "b")["message"] == "the file is given twice"


def test_another_account_is_replaced_only_when_that_is_said(cape, stranger):
    kept = stranger.ok("accounts", "show", "-q").line
    account = cape.ok("accounts", "export", "backup.key", "-q").line
    before = (stranger.config / "account.key").read_bytes()
    error = stranger.error("accounts", "import", "backup.key")
    assert (error["status"], kept in error["message"]) == (2, True)
    assert "--yes" in error["hint"]
    assert (stranger.config / "account.key").read_bytes() == before
    data = stranger.data("accounts", "import", "backup.key", "--yes")
    assert (data["account"], data["replaced"]) == (account, kept)
    assert stranger.ok("accounts", "show", "-q").line == account


def test_the_same_account_again_needs_no_question(cape):
    account = cape.ok("accounts", "export", "backup.key", "-q").line
    assert cape.ok("accounts", "import", "backup.key", "-q").line == account
    assert cape.data("accounts", "import", "backup.key")["replaced"] is None


@pytest.mark.parametrize(
    "content", [b"", b"cape1xyz", b"capeaccountsk1xyz", b"\0" * 100, b"capesk1xyz"]
)
def test_what_is_no_accounts_key_changes_nothing(stranger, tmp_path, content):
    (tmp_path / "backup.key").write_bytes(content)
    (tmp_path / "backup.key").chmod(0o600)
    error = stranger.error("accounts", "import", "backup.key", "--yes")
    assert (error["status"], error["code"]) == (65, errors.KeyInvalid.code)
    assert not stranger.config.exists()


def test_an_exported_key_that_others_can_read_is_refused(cape, stranger, tmp_path):
    cape.ok("accounts", "export", "backup.key")
    (tmp_path / "backup.key").chmod(0o640)
    error = stranger.error("accounts", "import", "backup.key")
    assert (error["status"], error["hint"]) == (78, "chmod 600 backup.key")
    assert not stranger.config.exists()


def test_there_is_nothing_to_export_before_there_is_an_account(stranger):
    assert stranger.error("accounts", "export", "x.key")["hint"] == "`cape accounts show` makes one"


def test_a_name_is_first_come_first_served(cape, bob):
    account = cape.ok("accounts", "show", "-q").line
    assert cape.data("accounts", "name", "keys-alice") == {"name": "keys-alice", "account": account}
    cape.ok("accounts", "name", "keys-alice")
    assert bob.error("accounts", "name", "keys-alice")["code"] == errors.Conflict.code
    assert bob.error("accounts", "name", "No")["status"] == 2
    assert bob.data("accounts", "trust", "keys-alice")["account"] == account
    assert bob.data("accounts", "show")["known"] == {"keys-alice": account}


def test_a_changed_account_is_refused_until_it_is_trusted(cape, bob):
    account = cape.ok("accounts", "name", "keys-changed", "-q").line
    other = bob.ok("accounts", "show", "-q").line
    bob.ok("encrypt", "x", "-r", "keys-changed")
    known = bob.config / "known" / "local" / "accounts"
    known.write_text(known.read_text().replace(account, other))
    error = bob.error("encrypt", "x", "-r", "keys-changed")
    assert (error["status"], error["code"]) == (77, errors.RecipientChanged.code)
    assert "cape accounts trust keys-changed" in error["hint"]
    assert bob.error("accounts", "trust", "keys-changed", other)["code"] == error["code"]
    assert bob.error("accounts", "trust", "keys-changed", "cape1x")["status"] == 65
    assert bob.error("encrypt", "x", "-r", "keys-changed")["code"] == error["code"]
    told = bob.ok("accounts", "trust", "keys-changed", account).text
    assert told == f"keys-changed is {account}\n(until now {other})\n"
    bob.ok("encrypt", "x", "-r", "keys-changed")
    data = bob.data("accounts", "trust", "keys-changed")
    assert data == {"name": "keys-changed", "account": account, "before": account}


@pytest.mark.parametrize(
    ("name", "options"), [("keys-plain", []), ("keys-quiet", ["-q"]), ("keys-json", ["--json"])]
)
def test_whose_a_name_is_is_told_the_first_time_whatever_the_options(cape, bob, name, options):
    account = cape.ok("accounts", "name", name, "-q").line
    first = bob.ok("encrypt", "a letter", "-r", name, *options)
    assert first.stderr == f"cape: {name} is {account}: remembered from now on\n"
    assert bob.ok("encrypt", "a letter", "-r", name, *options).stderr == ""


def test_names_that_are_not_known_can_be_refused(cape, bob, monkeypatch):
    account = cape.ok("accounts", "name", "keys-strict", "-q").line
    monkeypatch.setenv("CAPE_STRICT_ACCOUNTS", "1")
    error = bob.error("encrypt", "x", "-r", "keys-strict")
    assert (error["status"], error["code"]) == (65, errors.RecipientUnknown.code)
    assert account in error["message"]
    assert error["hint"] == "`cape accounts trust keys-strict` accepts it"
    bob.ok("encrypt", "x", "-r", account)
    bob.ok("accounts", "trust", "keys-strict", account)
    bob.ok("encrypt", "x", "-r", "keys-strict")


def test_the_accounts_key(cape):
    shown = cape.ok("keys", "show")
    assert shown.line.startswith("capepk1")
    assert cape.ok("key").line == shown.line, "as the first system spelled it"
    assert cape.ok("keys", "show", "-q").stderr == ""
    public = keys.PublicKey.from_text(shown.line)
    facts = dict(re.split("  +", row, maxsplit=1) for row in shown.stderr.splitlines())
    assert facts["kind"] == "X-Wing (ML-KEM-768 with X25519)"
    assert (facts["fingerprint"], facts["key id"]) == (public.fingerprint, public.key_id.hex())
    assert facts["epoch"] == "0"
    assert max(map(len, shown.stderr.splitlines())) <= 80
    data = cape.data("keys", "show", "--kem", "x25519")
    assert data["kind"] == "x25519"
    assert data["public_key"] != shown.line
    assert (data["account"], data["epoch"]) == (cape.ok("accounts", "show", "-q").line, 0)
    assert data["release"] == facts["proven by"]
    assert data["release_digest"] == facts["its digest"]
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(time, data["fetched"])
    assert re.fullmatch(time, data["counts_until"])
    assert data["fetched"] < data["counts_until"]
    again = cape.data("keys", "show", "--kem", "x25519")
    assert again == data, "it was remembered"


def test_rotated_keys_are_others(cape, echo):
    before = cape.ok("keys", "show").line
    old = cape.ok("encrypt", "of the old epoch").line
    data = cape.data("keys", "rotate")
    assert data["epoch"] == 1
    window = {"name": "echo", "function_id": echo["function_id"], "opens": [0, 15]}
    assert data["functions"] == [window]
    shown = cape.data("keys", "show")
    assert shown["public_key"] == data["public_key"] != before
    assert shown["epoch"] == 1
    assert cape.ok("run", echo["function_id"], old).text == "of the old epoch"
    new = cape.ok("encrypt", "of the new one").line
    assert cape.ok("run", echo["function_id"], new).text == "of the new one"


def test_a_rotation_says_in_plain_words_what_happens_next(cape, echo):
    told = cape.ok("keys", "rotate")
    assert told.line == "epoch 1"
    assert "is in epoch 1" in told.stderr
    assert "  echo  0 to 15" in told.stderr
    assert "set `min_epoch = 1`" in told.stderr
    assert max(map(len, told.stderr.splitlines())) <= 80
    quiet = cape.ok("keys", "rotate", "-q")
    assert (quiet.line, quiet.stderr) == ("2", "")


def test_a_rotation_without_functions(bob):
    assert "a function opens 16 epochs from its min_epoch on" in bob.ok("keys", "rotate").stderr


def test_old_ciphertexts_are_refused_by_a_version_that_says_so(cape, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "app.py").write_bytes((echo_folder() / "app.py").read_bytes())
    old = cape.ok("encrypt", "old").line
    cape.ok("keys", "rotate")
    (folder / "cape.toml").write_text("min_epoch = 1\n")
    function = cape.ok("deploy", folder, "-q").line
    error = cape.error("run", function, old)
    assert (error["status"], error["code"]) == (65, errors.DecryptFailed.code)
    assert "epochs 1 to 16" in error["message"]


def test_a_private_key_goes_into_a_file_that_only_its_owner_can_read(stranger, tmp_path):
    for words in (["me.key"], ["-o", "me2.key"], ["me3.key", "--kind", "x25519"]):
        public = stranger.ok("keys", "generate", *words).line
        file = tmp_path / words[0 if words[0] != "-o" else 1]
        assert file.stat().st_mode & 0o777 == 0o600
        private = keys.PrivateKey.from_text(file.read_text().strip())
        assert private.public_key.to_text() == public
    assert keys.PublicKey.from_text(public).kind == "x25519"
    data = stranger.data("keys", "generate", "me4.key")
    made = keys.PublicKey.from_text(data["public_key"])
    expected = {"kind": "xwing", "fingerprint": made.fingerprint, "key_id": made.key_id.hex()}
    assert data == {"public_key": made.to_text(), "file": "me4.key", **expected}


def test_a_private_key_goes_to_stdout_when_that_is_said(stranger, tmp_path):
    for words in (["-"], ["-o", "-"]):
        outcome = stranger.ok("keys", "generate", *words)
        private = keys.PrivateKey.from_text(outcome.line)
        assert private.public_key.to_text() in outcome.stderr
        sealed = envelope.seal(b"x", [private.public_key])
        (tmp_path / "letter.cape").write_bytes(sealed)
        opened = stranger.ok("decrypt", "letter.cape", "-k", "-", stdin=outcome.stdout)
        assert opened.stdout == b"x"
    data = stranger.data("keys", "generate", "-")
    assert keys.PrivateKey.from_text(data["private_key"]).public_key.to_text() == data["public_key"]


def test_a_key_that_is_there_is_never_overwritten(stranger, tmp_path):
    (tmp_path / "me.key").write_text("mine")
    for words in (["me.key"], ["-o", "me.key"]):
        error = stranger.error("keys", "generate", *words)
        assert (error["status"], error["code"]) == (1, "CAPE-CLI-004"), "as of other outputs"
        assert "never overwritten" in error["message"]
    assert (tmp_path / "me.key").read_text() == "mine"


def test_what_is_known_of_a_key_in_a_file(stranger, tmp_path):
    public = stranger.ok("keys", "generate", "me.key", "--kind", "x25519").line
    (tmp_path / "me.pub").write_text(public + "\n")
    made = keys.PublicKey.from_text(public)
    for file, holds in (("me.key", "private key"), ("me.pub", "public key")):
        outcome = stranger.ok("keys", "show", file)
        assert outcome.line == public
        assert holds in outcome.stderr
        assert made.fingerprint in outcome.stderr
        data = stranger.data("keys", "show", file)
        assert data == {
            "public_key": public,
            "kind": "x25519",
            "fingerprint": made.fingerprint,
            "key_id": made.key_id.hex(),
            "file": file,
            "holds": holds,
        }
        secret = (tmp_path / "me.key").read_text().strip()[8:]
        assert secret not in outcome.text + outcome.stderr + str(data)
    assert stranger.ok("keys", "show", "-", stdin=(tmp_path / "me.key").read_bytes()).line == public


def test_a_private_key_that_others_can_read_is_refused(stranger, tmp_path):
    stranger.ok("keys", "generate", "me.key")
    (tmp_path / "me.key").chmod(0o644)
    error = stranger.error("keys", "show", "me.key")
    assert error["status"] == 78
    assert error["hint"] == "chmod 600 me.key"
