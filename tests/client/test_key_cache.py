"""Accounts' keys as they are remembered. Spec: docs/spec/trust.md, encryption keys."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest

from pycape import attestation, errors
from pycape._key_cache import KeyCache, KeyRecord
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
    public_key=PrivateKey.generate("xwing").public_key,
    epoch=2,
    fetched_ms=NOW,
    trust_root=ROOTS.digests[0],
    release=RELEASE.digest,
)


@pytest.fixture
def cache(tmp_path):
    cache = KeyCache(tmp_path / "keys")
    cache.store(ACCOUNT, "xwing", RECORD)
    return cache


def usable(cache, *, kem="xwing", policy=POLICY, roots=ROOTS, now=NOW):
    return cache.usable(ACCOUNT, kem, policy, roots, now)


def test_a_key_is_used_again(cache):
    assert usable(cache) == RECORD.public_key
    assert usable(cache, kem="x25519") is None
    assert cache.usable("cape1other", "xwing", POLICY, ROOTS, NOW) is None


@pytest.mark.parametrize(
    ("age", "used"), [(0, True), (7 * DAY - 1, True), (7 * DAY, False), (-1, False)]
)
def test_a_key_is_used_for_seven_days(cache, age, used):
    assert (usable(cache, now=NOW + age) is not None) is used


def test_a_key_is_used_while_the_policy_has_its_release(cache):
    others = [release(fill=9), release(vault=9)]
    assert usable(cache, policy=Policy(others)) is None
    assert usable(cache, policy=Policy([*others, RELEASE])) == RECORD.public_key


def test_a_key_is_used_while_its_release_counts(cache):
    today = datetime.fromtimestamp(NOW / 1000, UTC).date()
    until_today = release(not_after=today)
    assert until_today.digest == RELEASE.digest
    assert usable(cache, policy=Policy([until_today])) == RECORD.public_key
    until_yesterday = release(not_after=today - timedelta(days=2))
    assert usable(cache, policy=Policy([until_yesterday])) is None


def test_a_key_is_used_while_its_root_is_trusted(cache):
    roots = attestation.TrustRoots([bytes.fromhex("3000")])
    assert usable(cache, roots=roots) is None


def test_a_higher_epoch_of_either_kem_retires_keys(cache):
    newer = dataclasses.replace(
        RECORD, public_key=PrivateKey.generate("x25519").public_key, epoch=3
    )
    cache.store(ACCOUNT, "x25519", newer)
    assert usable(cache) is None
    assert usable(cache, kem="x25519") == newer.public_key


def test_an_epoch_that_was_learned_retires_keys_and_never_falls(cache):
    assert cache.known_epoch(ACCOUNT) == 2
    cache.learn_epoch(ACCOUNT, 3)
    assert usable(cache) is None
    cache.learn_epoch(ACCOUNT, 1)
    assert cache.known_epoch(ACCOUNT) == 3
    assert cache.known_epoch("cape1other") == 0


def test_whose_a_key_is(cache):
    key_id = RECORD.public_key.key_id
    assert cache.owners_of({key_id, bytes(8)}) == {key_id: ACCOUNT}
    assert cache.owners_of({bytes(8)}) == {}


def test_a_record_of_another_form_is_fetched_anew(cache, tmp_path):
    path = tmp_path / "keys" / f"{ACCOUNT}.json"
    whole = json.loads(path.read_text())
    for harm in (
        {"xwing": 5},
        {"xwing": {}},
        {"xwing": {**whole["xwing"], "public_key": "capepk1"}},
        {"xwing": {**whole["xwing"], "epoch": "many"}},
        {"xwing": {**whole["xwing"], "public_key": 5}},
    ):
        path.write_text(json.dumps({**whole, **harm}))
        assert usable(cache) is None
        assert cache.owners_of({RECORD.public_key.key_id}) == {}
    cache.store(ACCOUNT, "xwing", RECORD)
    assert usable(cache) == RECORD.public_key


def test_a_file_that_is_damaged_hides_no_epoch(cache, tmp_path):
    (tmp_path / "keys" / f"{ACCOUNT}.json").write_text("{")
    with pytest.raises(errors.ConfigError, match="damaged"):
        cache.known_epoch(ACCOUNT)
