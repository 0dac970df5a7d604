"""accounts show, name, trust, export, import; keys show, rotate."""

from pycape import errors


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
    assert cape.error("accounts", "export", "backup.key")["status"] == 78, "never overwritten"
    assert stranger.ok("accounts", "import", "backup.key").line == f"this machine is {account}"
    assert stranger.ok("accounts", "show", "-q").line == account
    assert stranger.error("accounts", "import", "backup.key")["status"] == 78, "nor an account"
    again = cape.ok("accounts", "export", "-").line
    assert again == (tmp_path / "backup.key").read_text().strip()


def test_there_is_nothing_to_export_before_there_is_an_account(stranger):
    assert stranger.error("accounts", "export", "x.key")["hint"] == "`cape accounts show` makes one"


def test_a_name_is_first_come_first_served(cape, bob):
    account = cape.ok("accounts", "show", "-q").line
    assert cape.data("accounts", "name", "keys-alice") == {"name": "keys-alice", "account": account}
    cape.ok("accounts", "name", "keys-alice")
    assert bob.error("accounts", "name", "keys-alice")["code"] == errors.Conflict.code
    assert bob.error("accounts", "name", "No")["status"] == 78
    assert bob.data("accounts", "trust", "keys-alice")["account"] == account
    assert bob.data("accounts", "show")["known"] == {"keys-alice": account}


def test_a_changed_account_is_refused_until_it_is_trusted(cape, bob):
    account = cape.ok("accounts", "name", "keys-changed", "-q").line
    other = bob.ok("accounts", "show", "-q").line
    bob.ok("encrypt", "x", "-r", "keys-changed")
    known = bob.config / "known_accounts"
    known.write_text(known.read_text().replace(account, other))
    error = bob.error("encrypt", "x", "-r", "keys-changed")
    assert (error["status"], error["code"]) == (77, errors.RecipientChanged.code)
    assert "cape accounts trust keys-changed" in error["hint"]
    bob.ok("accounts", "trust", "keys-changed")
    bob.ok("encrypt", "x", "-r", "keys-changed")


def test_the_accounts_key(cape):
    public = cape.ok("keys", "show").line
    assert public.startswith("capepk1")
    assert cape.ok("key").line == public, "as the first system spelled it"
    data = cape.data("keys", "show", "--kem", "x25519")
    assert data["kind"] == "x25519"
    assert data["public_key"] != public


def test_rotated_keys_are_others(cape, echo):
    before = cape.ok("keys", "show").line
    old = cape.ok("encrypt", "of the old epoch").line
    assert cape.data("keys", "rotate") == {"epoch": 1}
    assert cape.ok("keys", "show").line != before
    assert cape.ok("run", echo["function_id"], old).text == "of the old epoch"
    new = cape.ok("encrypt", "of the new one").line
    assert cape.ok("run", echo["function_id"], new).text == "of the new one"


def test_a_public_key_in_a_file(stranger, tmp_path):
    public = stranger.ok("keys", "generate", "me.key").line
    (tmp_path / "me.pub").write_text(public + "\n")
    assert stranger.ok("keys", "show", "me.pub").line == public
    assert stranger.error("keys", "generate", "me.key")["status"] == 78, "never overwritten"


def test_a_private_key_that_others_can_read_is_refused(stranger, tmp_path):
    stranger.ok("keys", "generate", "me.key")
    (tmp_path / "me.key").chmod(0o644)
    error = stranger.error("keys", "show", "me.key")
    assert error["status"] == 78
    assert error["hint"] == "chmod 600 me.key"
