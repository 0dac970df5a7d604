"""Accounts' keys as they are remembered. Spec: docs/spec/trust.md, encryption keys."""

import dataclasses
import json
import multiprocessing
import threading
from datetime import UTC, datetime, timedelta

import pytest

from pycape import KeyRecord, _key_cache, attestation, insecure
from pycape._files import read_object
from pycape._key_cache import KeyCache
from pycape.keys import PrivateKey
from pycape.policy import Policy

from .doubles import release

ACCOUNT = "cape1somebody"
NOW = 1_800_000_000_000
DAY = 24 * 3600 * 1000
ROOTS = attestation.TrustRoots.aws()
RELEASE = release()
POLICY = Policy([RELEASE])

RECORD = KeyRecord(
    account=ACCOUNT,
    epoch=2,
    public_key=PrivateKey.generate("xwing").public_key,
    fetched_ms=NOW,
    trust_root=ROOTS.digests[0],
    release=RELEASE.digest,
)


@pytest.fixture
def cache(tmp_path):
    cache = KeyCache(tmp_path / "keys")
    cache.store(RECORD)
    return cache


@pytest.fixture
def file(cache, tmp_path):
    """The file of the account that is remembered."""
    return tmp_path / "keys" / f"{ACCOUNT}.json"


def usable(cache, account=ACCOUNT, kem="xwing", *, epoch=0, policy=POLICY, roots=ROOTS, now=NOW):
    return cache.usable(account, kem, epoch=epoch, policy=policy, roots=roots, now_ms=now)


def test_a_key_is_used_again_with_all_that_vouched_for_it(cache):
    assert usable(cache) == RECORD
    assert usable(cache, kem="x25519") is None
    assert usable(cache, "cape1other") is None


def test_each_kind_of_key_is_remembered_by_itself(cache):
    other = dataclasses.replace(RECORD, public_key=PrivateKey.generate("x25519").public_key)
    cache.store(other)
    assert usable(cache) == RECORD
    assert usable(cache, kem="x25519") == other


def test_a_newer_record_takes_the_place_of_an_older_one(cache):
    newer = dataclasses.replace(RECORD, epoch=3, fetched_ms=NOW + 1)
    cache.store(newer)
    assert usable(cache, now=NOW + 1) == newer


@pytest.mark.parametrize(
    ("age", "used"), [(0, True), (7 * DAY - 1, True), (7 * DAY, False), (-1, False)]
)
def test_a_key_is_used_for_seven_days(cache, age, used):
    assert (usable(cache, now=NOW + age) is not None) is used


def test_until_when_it_counts_is_told():
    assert RECORD.fetched == datetime(2027, 1, 15, 8, tzinfo=UTC)
    assert RECORD.expires - RECORD.fetched == timedelta(days=7)


def test_a_key_is_used_while_the_policy_has_its_release(cache):
    others = [release(fill=9), release(vault=9)]
    assert usable(cache, policy=Policy(others)) is None
    assert usable(cache, policy=Policy([*others, RELEASE])) == RECORD


def test_a_key_is_used_while_its_release_counts(cache):
    today = datetime.fromtimestamp(NOW / 1000, UTC).date()
    until_today = release(not_after=today)
    assert until_today.digest == RELEASE.digest
    assert usable(cache, policy=Policy([until_today])) == RECORD
    until_yesterday = release(not_after=today - timedelta(days=2))
    assert usable(cache, policy=Policy([until_yesterday])) is None


def test_a_key_is_used_while_its_root_is_trusted(cache):
    roots = attestation.TrustRoots([bytes.fromhex("3000")])
    assert usable(cache, roots=roots) is None


def test_a_key_that_no_release_vouched_for_is_not_remembered(tmp_path):
    cache = KeyCache(tmp_path / "keys")
    cache.store(dataclasses.replace(RECORD, release=None))
    assert not (tmp_path / "keys").exists()


@pytest.mark.filterwarnings("ignore:insecure:RuntimeWarning")
def test_a_policy_of_any_code_vouches_for_no_remembered_key(cache):
    assert usable(cache, policy=insecure.any_code()) is None


@pytest.mark.parametrize(("known", "used"), [(0, True), (2, True), (3, False), (2**32 - 1, False)])
def test_a_key_of_a_lower_epoch_than_is_known_is_not_used(cache, known, used):
    assert (usable(cache, epoch=known) is not None) is used


def test_whose_a_key_is(cache):
    key_id = RECORD.public_key.key_id
    assert cache.owners_of({key_id, bytes(8)}) == {key_id: ACCOUNT}
    assert cache.owners_of({bytes(8)}) == {}


def test_whose_a_key_is_takes_no_look_at_other_accounts_files(cache, tmp_path, monkeypatch):
    others = [
        dataclasses.replace(
            RECORD, account=f"cape1other{n}", public_key=PrivateKey.generate("x25519").public_key
        )
        for n in range(20)
    ]
    for other in others:
        cache.store(other)
    read = []

    def counted(path):
        read.append(path.name)
        return read_object(path)

    monkeypatch.setattr(_key_cache, "read_object", counted)
    key_ids = {RECORD.public_key.key_id, others[7].public_key.key_id, bytes(8)}
    owners = KeyCache(tmp_path / "keys").owners_of(key_ids)
    assert set(owners.values()) == {ACCOUNT, "cape1other7"}
    assert set(read) == {"key_ids.json", f"{ACCOUNT}.json", "cape1other7.json"}
    assert len(read) == 3


def test_a_key_that_was_replaced_is_nobodys(cache):
    newer = dataclasses.replace(RECORD, public_key=PrivateKey.generate("xwing").public_key)
    cache.store(newer)
    assert cache.owners_of({RECORD.public_key.key_id}) == {}
    assert cache.owners_of({newer.public_key.key_id}) == {newer.public_key.key_id: ACCOUNT}


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"%s": 5}', b'{"%s": "../../x"}'])
def test_a_damaged_index_of_key_ids_is_neither_trusted_nor_fatal(cache, tmp_path, content):
    key_id = RECORD.public_key.key_id
    harmed = content.replace(b"%s", key_id.hex().encode())
    (tmp_path / "keys" / "key_ids.json").write_bytes(harmed)
    assert cache.owners_of({key_id}) == {}
    cache.store(RECORD)
    assert cache.owners_of({key_id}) == {key_id: ACCOUNT}


# The file


def test_only_its_owner_can_read_the_file(file):
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "harm",
    [
        5,
        None,
        [],
        {},
        {"public_key": "capepk1"},
        {"public_key": 5},
        {"public_key": PrivateKey.generate("x25519").public_key.to_text()},
        {"account": "cape1other"},
        {"epoch": "many"},
        {"epoch": None},
        {"fetched_ms": float("1e300")},
        {"fetched_ms": 10**300},
        {"release": None},
        {"release": "x"},
        {"trust_root": ["x"]},
    ],
    ids=str,
)
def test_a_record_of_another_form_is_fetched_anew(cache, file, harm):
    whole = json.loads(file.read_text())
    changed = {**whole["xwing"], **harm} if isinstance(harm, dict) and harm else harm
    file.write_text(json.dumps({**whole, "xwing": changed}))
    assert usable(cache) is None
    cache.store(RECORD)
    assert usable(cache) == RECORD


def test_a_record_under_another_kind_of_key_is_not_used(cache, file):
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({"x25519": whole["xwing"]}))
    assert usable(cache, kem="x25519") is None
    assert usable(cache) is None


def test_the_file_of_one_account_does_not_speak_for_another(cache, file):
    (file.parent / "cape1other.json").write_bytes(file.read_bytes())
    assert usable(cache, "cape1other") is None
    assert cache.owners_of({RECORD.public_key.key_id}) == {RECORD.public_key.key_id: ACCOUNT}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b"\0" * 1000, b"[" * 100_000, b'{"xwing"'], ids=repr
)
def test_a_damaged_file_is_neither_trusted_nor_fatal(cache, file, content):
    file.write_bytes(content)
    assert usable(cache) is None
    assert cache.owners_of({RECORD.public_key.key_id}) == {}
    cache.store(RECORD)
    assert usable(cache) == RECORD


def test_a_file_that_was_cut_anywhere_is_neither_trusted_nor_fatal(cache, file):
    whole = file.read_bytes()
    for length in range(0, len(whole) - 2, 97):
        file.write_bytes(whole[:length])
        assert usable(cache) is None


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path, caplog):
    (tmp_path / "keys").write_text("a file where the folder should be")
    cache = KeyCache(tmp_path / "keys")
    cache.store(RECORD)
    assert "is not remembered" in caplog.text
    assert usable(cache) is None


def test_a_folder_in_the_place_of_the_file_is_done_without(cache, file, caplog):
    file.unlink()
    file.mkdir()
    assert usable(cache) is None
    cache.store(RECORD)
    assert "is not remembered" in caplog.text


def store(folder, kind: str) -> None:
    cache = KeyCache(folder)
    for epoch in range(20):
        key = PrivateKey.generate(kind).public_key
        cache.store(dataclasses.replace(RECORD, public_key=key, epoch=epoch))


def test_what_processes_and_threads_store_at_once_is_whole(cache, tmp_path):
    context = multiprocessing.get_context("spawn")
    folder = tmp_path / "keys"
    workers = [
        context.Process(target=store, args=(folder, "xwing")),
        context.Process(target=store, args=(folder, "x25519")),
        threading.Thread(target=store, args=(folder, "xwing")),
        threading.Thread(target=store, args=(folder, "x25519")),
    ]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        assert usable(cache) is not None, "the file is whole at every moment"
    for worker in workers:
        worker.join()
    for kem in ("xwing", "x25519"):
        assert usable(cache, kem=kem).epoch == 19
    left = {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}
    assert left == {f"{ACCOUNT}.json", "key_ids.json"}
