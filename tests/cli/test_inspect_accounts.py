"""cape inspect: whose something is, as far as this machine knows, and what accounts signed."""

import json

import pytest

from pycape import _core, errors

from .inspected import ACCOUNT, KEY, STATEMENTS, TEXTS, VECTORS, sealed


def test_it_tells_whose_account_it_is_for(cape, bob, echo):
    cape.ok("accounts", "name", "inspected")
    account = cape.ok("accounts", "show", "-q").line
    text = bob.ok("encrypt", "x", "-r", "inspected", "--function", echo["function_id"]).stdout
    by_bob = bob.data("inspect", "-", stdin=text)
    assert by_bob["facts"]["recipients"][0]["who"] == f"inspected, account {account}"
    assert "You cannot open it here" in " ".join(by_bob["words"])
    cape.ok("keys", "show")
    by_alice = cape.data("inspect", "-", stdin=text)
    assert by_alice["facts"]["recipients"][0]["who"] == f"your account, {account}"
    assert "inside an enclave, and nowhere else" in " ".join(by_alice["words"])
    [rule] = by_alice["facts"]["only_for_functions"]
    assert rule == f"{echo['function_checksum']} ({account}/echo)"


def test_a_file_of_this_machine_that_cannot_be_read_is_told_and_done_without(stranger, tmp_path):
    (tmp_path / "file").write_bytes(sealed(context={"cape.functions": "ab" * 32}))
    stranger.ok("accounts", "show")
    (stranger.config / "account.key").chmod(0o644)
    known = stranger.config / "known" / "local"
    known.mkdir(parents=True)
    (known / "functions").write_text("[")
    (known / "accounts").write_text("[")
    expected = ["others can read it", "functions is damaged", "accounts is damaged"]
    data = stranger.data("inspect", "file")
    assert data["facts"]["only_for_functions"] == ["ab" * 32]
    told = stranger.ok("inspect", "file")
    for part in expected[1:]:
        assert part in str(data["not_looked_at"])
        assert part in told.stderr
    (tmp_path / "id").write_text(ACCOUNT.id)
    data = stranger.data("inspect", "id")
    assert expected[0] in str(data["not_looked_at"])
    (tmp_path / "key").write_text(KEY.public_key.to_text())
    assert stranger.data("inspect", "key")["not_looked_at"] == [], "nothing else is looked at"


# What becomes of this machine's account key, and what is said of it.
BROKEN = {
    "shared": (lambda path: path.chmod(0o644), "others can read it"),
    "other text": (lambda path: path.write_text("mine"), "holds no account's key"),
    "no text": (lambda path: path.write_bytes(b"\xff"), "cannot be read"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is a directory"),
}


@pytest.mark.parametrize("kind", ["account-id", "account-key"])
def test_without_an_account_nothing_is_yours(stranger, kind):
    facts = stranger.data("inspect", "-", stdin=TEXTS[kind].encode())["facts"]
    assert facts["yours"] is False


@pytest.mark.parametrize("kind", ["account-id", "account-key"])
@pytest.mark.parametrize("broken", BROKEN)
def test_whether_it_is_yours_is_not_claimed_without_the_accounts_key(stranger, kind, broken):
    stranger.ok("accounts", "show")
    harm, why = BROKEN[broken]
    harm(stranger.config / "account.key")
    data = stranger.data("inspect", "-", stdin=TEXTS[kind].encode())
    assert data["facts"]["yours"] is None
    told = " ".join(data["words"])
    assert "Whether this is your account is not known" in told
    assert why in told
    text = stranger.ok("inspect", "-", stdin=TEXTS[kind].encode()).text
    assert not any(line.startswith("yours") for line in text.splitlines())


@pytest.mark.parametrize("broken", BROKEN)
def test_whether_it_is_for_your_account_is_not_claimed_without_its_key(cape, broken):
    account = cape.ok("accounts", "show", "-q").line
    text = cape.ok("encrypt", "x").stdout
    harm, why = BROKEN[broken]
    harm(cape.config / "account.key")
    data = cape.data("inspect", "-", stdin=text)
    assert data["facts"]["recipients"][0]["who"] == f"account {account}"
    told = " ".join(data["words"])
    assert "You cannot open it here" not in told
    assert "Whether this is your account is not known" in told
    assert why in told


# What accounts signed


def test_a_statement_with_another_signature_is_refused(stranger):
    header, payload, signature = STATEMENTS["epoch"].split(".")
    forged = f"{header}.{STATEMENTS['name'].split('.')[1]}.{signature}"
    error = stranger.error("inspect", "-", stdin=forged.encode())
    assert (error["status"], error["code"]) == (77, errors.PermissionDenied.code)
    error = stranger.error("inspect", "-", stdin=f"{header}.{payload}.AAAA".encode())
    assert (error["status"], error["code"]) == (76, errors.ProtocolError.code)


def test_what_a_manifest_and_a_token_say(stranger):
    facts = stranger.data("inspect", "-", stdin=STATEMENTS["manifest"].encode())["facts"]
    manifest = _core.Manifest.verify(STATEMENTS["manifest"])
    assert (facts["checksum"], facts["opens_epochs"]) == (manifest.checksum, "2 to 17")
    facts = stranger.data("inspect", "-", stdin=STATEMENTS["token"].encode())["facts"]
    assert (facts["signed_by"], facts["exp"]) == (ACCOUNT.id, "2027-01-15T08:01:00Z")


def test_what_a_functions_json_pins(cape, echo):
    for text in (
        cape.ok("function", "show", echo["function_id"], "-o", "json").stdout,
        cape.ok("function", "show", echo["function_id"], "--json").stdout,
        json.dumps(echo).encode(),
    ):
        data = cape.data("inspect", "-", stdin=text)
        assert data["facts"] == {
            "function_id": echo["function_id"],
            "name": echo["function_name"],
            "checksum": echo["function_checksum"],
            "account": f"{echo['account']} (your account)",
            "holds_token": False,
        }
        assert data["words"][0].startswith("The checksum is pinned")
    for name, words in {"function_id": "The id is", "function_name": "Nothing is"}.items():
        data = cape.data("inspect", "-", stdin=json.dumps({name: echo[name]}).encode())
        assert data["words"][0].startswith(words)


def test_whose_statement_it_is(stranger):
    account = stranger.ok("accounts", "show", "-q").line
    key = _core.Account.from_text((stranger.config / "account.key").read_text().strip())
    facts = stranger.data("inspect", "-", stdin=key.sign_epoch_record(1).encode())["facts"]
    assert facts["signed_by"] == f"{account} (your account)"


def test_published_statements_are_explained_or_refused(stranger):
    for path in sorted((VECTORS.parent / "statements").glob("*.json")):
        published = json.loads(path.read_text())
        outcome = stranger("inspect", "-", stdin=published["statement"].encode())
        accepted = published["error"] is None
        assert outcome.status in ({0} if accepted else {0, 65, 76, 77}), path.stem
        if accepted:
            assert f"{published['account']}\n" in outcome.text, path.stem
