"""What this machine remembers, also when several processes learn at once."""

import errno
import json
import logging
import multiprocessing
import os
import threading

import pytest

from pycape import errors
from pycape._files import create_exclusively, updating, write_atomically
from pycape._known import KnownAccounts, KnownEpochs, KnownFunctions, KnownRevocations


@pytest.fixture
def accounts(tmp_path):
    return KnownAccounts(tmp_path / "folder" / "known_accounts", strict=False)


@pytest.fixture
def functions(tmp_path):
    return KnownFunctions(tmp_path / "known_functions")


def test_a_name_is_remembered_and_said_the_first_time(accounts, caplog):
    accounts.check("bob", "cape1bob")
    assert "bob is cape1bob" in caplog.text
    caplog.clear()
    accounts.check("bob", "cape1bob")
    assert caplog.text == ""
    assert list(accounts) == [("bob", "cape1bob")]


def test_a_change_is_refused_until_it_is_trusted(accounts):
    accounts.check("bob", "cape1bob")
    for _ in range(2):
        with pytest.raises(errors.RecipientChanged) as raised:
            accounts.check("bob", "cape1eve")
    assert "cape accounts trust" in raised.value.hint
    accounts.trust("bob", "cape1eve")
    accounts.check("bob", "cape1eve")


def test_strict_accounts_refuse_what_is_new(tmp_path):
    strict = KnownAccounts(tmp_path / "known", strict=True)
    with pytest.raises(errors.RecipientUnknown, match="CAPE_STRICT_ACCOUNTS"):
        strict.check("bob", "cape1bob")
    strict.trust("bob", "cape1bob")
    strict.check("bob", "cape1bob")


def test_a_function_never_goes_back(functions):
    assert functions.version("a", "f") == 0
    functions.check("a", "f", 3, "c3")
    functions.check("a", "f", 3, "c3")
    functions.check("a", "f", 5, "c5")
    assert functions.version("a", "f") == 5
    with pytest.raises(errors.Conflict, match="version 3"):
        functions.check("a", "f", 3, "c3")
    with pytest.raises(errors.ChecksumMismatch, match="c5"):
        functions.check("a", "f", 5, "other")
    functions.check("a", "g", 1, "other")


def test_an_epoch_never_goes_back(tmp_path):
    epochs = KnownEpochs(tmp_path / "known_epochs")
    assert epochs.get("a") == 0
    epochs.check("a", 0)
    assert list(tmp_path.iterdir()) == [], "epoch 0 is nothing to remember"
    epochs.check("a", 3)
    epochs.learn("a", 2)
    epochs.check("a", 3)
    assert (epochs.get("a"), epochs.get("b")) == (3, 0)
    for lower in (0, 2):
        with pytest.raises(errors.RecipientChanged, match=f"epoch {lower} of a, and 3 is known"):
            epochs.check("a", lower)
    assert (tmp_path / "known_epochs").stat().st_mode & 0o777 == 0o600


def test_the_last_revocation_list_of_each_account(tmp_path):
    known = KnownRevocations(tmp_path / "known_revocations")
    assert known.get("a") is None
    known.remember("a", "list 1")
    known.remember("b", "list 2")
    known.remember("a", "list 3")
    assert (known.get("a"), known.get("b")) == ("list 3", "list 2")


@pytest.mark.parametrize("content", ["", "[]", "{", '"x"', "[" * 100_000], ids=lambda c: c[:4])
def test_a_damaged_file_is_no_empty_one(tmp_path, content):
    path = tmp_path / "known"
    path.write_text(content)
    for use in (
        lambda: KnownAccounts(path, strict=False).check("bob", "cape1bob"),
        lambda: KnownFunctions(path).check("a", "f", 1, "c"),
        lambda: KnownRevocations(path).get("a"),
        lambda: KnownEpochs(path).check("a", 5),
    ):
        with pytest.raises(errors.ConfigError, match="damaged"):
            use()
    assert path.read_text() == content


@pytest.mark.parametrize(
    "entry", [-1, 1.5, None, [], {}, {"version": "1", "checksum": "c"}, {"version": 1}]
)
def test_a_damaged_entry(tmp_path, entry):
    path = tmp_path / "known"
    path.write_text(json.dumps({"a/f": entry, "a": -1 if entry is None else entry}))
    with pytest.raises(errors.ConfigError, match="damaged"):
        KnownFunctions(path).check("a", "f", 1, "c")
    with pytest.raises(errors.ConfigError, match="damaged"):
        KnownRevocations(path).get("a")
    with pytest.raises(errors.ConfigError, match="damaged"):
        KnownEpochs(path).get("a")


def test_a_folder_in_the_place_of_the_file(tmp_path):
    with pytest.raises(errors.ConfigError, match="cannot be read"):
        KnownAccounts(tmp_path, strict=False).check("bob", "cape1bob")


def learn(path, first: int) -> None:
    for number in range(first, first + 25):
        KnownAccounts(path, strict=False).check(f"user-{number}", f"cape1{number}")


def test_what_processes_and_threads_learn_at_once_is_all_there(tmp_path):
    logging.getLogger("pycape").setLevel(logging.ERROR)
    path = tmp_path / "known"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=learn, args=(path, 100 * n)) for n in range(3)]
    workers += [threading.Thread(target=learn, args=(path, 1000 * n)) for n in range(1, 4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    logging.getLogger("pycape").setLevel(logging.NOTSET)
    assert len(list(KnownAccounts(path, strict=False))) == 6 * 25


# The files themselves


def test_nothing_is_written_when_something_is_raised(tmp_path):
    path = tmp_path / "file"
    with updating(path) as known:
        known["a"] = 1
    with pytest.raises(KeyError), updating(path) as known:
        known["b"] = 2
        raise KeyError
    with updating(path) as known:
        assert known == {"a": 1}


def test_a_file_that_does_not_change_is_not_written(tmp_path):
    path = tmp_path / "file"
    with updating(path) as known:
        known["a"] = 1
    before = path.stat().st_ino
    with updating(path) as known:
        known["a"] = 1
    assert path.stat().st_ino == before


def test_a_file_is_replaced_with_its_permissions_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"1", mode=0o600)
    write_atomically(path, b"2", mode=0o600)
    assert path.read_bytes() == b"2"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_file_that_is_there_is_never_created_over(tmp_path):
    path = tmp_path / "file"
    assert create_exclusively(path, b"1", mode=0o600, ours=True)
    assert not create_exclusively(path, b"2", mode=0o600, ours=True)
    assert path.read_bytes() == b"1"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def without_links(*_):
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_where_there_are_no_links_a_file_that_is_there_is_never_created_over(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", without_links)
    test_a_file_that_is_there_is_never_created_over(tmp_path)


def test_what_cannot_be_moved_to_its_place_leaves_no_empty_file_there(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", without_links)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(errors.ConfigError, match="no space left"):
        create_exclusively(tmp_path / "account.key", b"1", mode=0o600, ours=True)
    assert list(tmp_path.iterdir()) == []
