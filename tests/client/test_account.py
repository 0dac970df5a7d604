"""The account's key in its file."""

import threading

import pytest

from pycape import _core, errors
from pycape._account import create_secret, load_account, load_or_create_account, read_secret


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "account.key"


def test_an_account_is_made_once_and_announced(path, caplog):
    account = load_or_create_account(path)
    assert account.id in caplog.text
    assert str(path) in caplog.text
    assert account.to_text() not in caplog.text
    assert load_or_create_account(path).id == account.id
    assert load_account(path).id == account.id
    assert path.stat().st_mode & 0o777 == 0o600


def test_there_is_none(path):
    assert load_account(path) is None
    assert read_secret(path) is None


def test_first_uses_at_once_make_one_account(path):
    made = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        made.append(load_or_create_account(path).id)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert set(made) == {load_account(path).id}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_can_read(path, mode):
    load_or_create_account(path)
    path.chmod(mode)
    with pytest.raises(errors.ConfigError, match="others can read it") as raised:
        load_account(path)
    assert raised.value.hint == f"chmod 600 {path}"


@pytest.mark.parametrize("content", [b"", b"capeacct1", b"\xff", b"x" * 10_000])
def test_a_file_that_holds_something_else(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(errors.ConfigError, match=str(path)):
        load_account(path)


def test_a_folder_in_the_place_of_the_file(path):
    path.mkdir(parents=True)
    path.chmod(0o700)
    with pytest.raises(errors.ConfigError, match="cannot be read"):
        load_account(path)


def test_a_key_is_never_overwritten(path):
    account = load_or_create_account(path)
    with pytest.raises(errors.ConfigError, match="never overwritten"):
        create_secret(path, _core.Account.generate().to_text())
    assert load_account(path).id == account.id
