"""The file of the hosts that may report."""

import json

import pytest

from pycape.errors import ConfigError, NotFound
from pycape.server.admissions import MAX_HOSTS, Admissions, admit, admitted_hosts, dismiss

TOKEN = "0123456789abcdef" * 4


def test_no_token_is_kept(tmp_path):
    file = tmp_path / "hosts.json"
    admit(file, "one", TOKEN)
    assert TOKEN not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert Admissions(file).holds("one", TOKEN)


def test_the_same_token_again_is_no_second_one(tmp_path):
    file = tmp_path / "hosts.json"
    for _ in range(3):
        admit(file, "one", TOKEN)
    assert [len(tokens) for tokens in admitted_hosts(file).values()] == [1]


def test_without_a_file_there_are_no_hosts(tmp_path):
    file = tmp_path / "hosts.json"
    assert admitted_hosts(file) == {}
    assert not Admissions(file).holds("one", TOKEN)
    with pytest.raises(NotFound, match="no host is admitted as one"):
        dismiss(file, "one")


def test_hosts_are_no_more_than_may_be(tmp_path):
    file = tmp_path / "hosts.json"
    file.write_text(json.dumps({f"host-{number}": ["0" * 64] for number in range(MAX_HOSTS)}))
    with pytest.raises(ConfigError, match="4096 hosts are admitted already"):
        admit(file, "another", TOKEN)
    admit(file, "host-0", TOKEN)
    dismiss(file, "host-1")
    admit(file, "another", TOKEN)
    file.write_text(json.dumps({f"host-{number}": ["0" * 64] for number in range(MAX_HOSTS + 1)}))
    with pytest.raises(ConfigError, match="is damaged"):
        admitted_hosts(file)


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"one": "x"}', '{"one": [1]}', '{"one": ["0", "0", "0"]}', '{"ONE": []}']
)
def test_a_file_that_is_damaged_is_neither_read_nor_changed(tmp_path, text):
    file = tmp_path / "hosts.json"
    file.write_text(text)
    for use in (
        lambda: Admissions(file),
        lambda: admit(file, "two", TOKEN),
        lambda: dismiss(file, "one"),
    ):
        with pytest.raises(ConfigError, match="is damaged"):
            use()
    assert file.read_text() == text


def test_a_state_of_another_user_is_not_changed(tmp_path, monkeypatch):
    """What root writes into the control plane's folder, that one could not read."""
    file = tmp_path / "hosts.json"
    admit(file, "one", TOKEN)
    before = file.read_bytes()
    monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
    for change in (lambda: admit(file, "two", TOKEN), lambda: dismiss(file, "one")):
        with pytest.raises(ConfigError, match="is of another user") as raised:
            change()
        assert f"`ls -ld {tmp_path}`" in raised.value.hint
    assert file.read_bytes() == before


def test_a_place_that_takes_no_file_is_the_data_folders_and_not_that_of_settings(tmp_path):
    (tmp_path / "local").touch()
    with pytest.raises(ConfigError, match="cannot be written") as raised:
        admit(tmp_path / "local" / "hosts.json", "one", TOKEN)
    assert raised.value.hint == f"{tmp_path / 'local'} is a file, and no folder"
