"""Key epochs from their beginning to their end. Spec: docs/spec/trust.md, encryption keys."""

import asyncio
import shutil

import pytest

from pycape import AsyncCape, _core, errors, insecure, policy
from pycape.demo import echo_folder

from .conftest import exactly, hostile, user

ECHO = "def cape_handler(input): return input"


def begin_epoch(cape, epoch: int) -> None:
    """Publish an epoch, whatever lies between."""
    account = cape._platform.account
    record = account.sign_epoch_record(epoch)
    cape._drive(cape._platform.directory.publish_epoch(account.id, record))


def published_epoch(cape) -> int:
    record = cape._drive(cape._platform.directory.epoch_record(cape.account_id))
    return 0 if record is None else _core.verify_epoch_record(record)[1]


@pytest.mark.parametrize("kem", ["xwing", "x25519"])
def test_old_ciphertexts_open_until_a_version_says_no(alice, folder_of, kem):
    before = alice.deploy(folder_of(ECHO), name="retiring")
    old = alice.encrypt(b"old", kem=kem)
    alice.rotate_keys()
    new = alice.encrypt(b"new", kem=kem)
    assert [alice.run(before, None, each) for each in (old, new)] == [b"old", b"new"]

    after = alice.deploy(folder_of(ECHO, "min_epoch = 1"), name="retiring")
    assert alice.manifest(after).version == alice.manifest(before).version + 1
    assert alice.run(after, None, new) == b"new"
    with exactly(errors.DecryptFailed, match=r"epochs 1 to 16") as raised:
        alice.run(after, None, old)
    details = {"function_account": alice.account_id, "min_epoch": "1", "max_epoch": "16"}
    assert raised.value.details.items() >= details.items()
    assert alice.run(before, None, old) == b"old", "old versions keep their epochs"


def test_a_rotation_returns_a_key_that_an_enclave_vouched_for(alice):
    first = alice.key_record()
    assert (first.account, first.epoch) == (alice.account_id, 0)
    second = alice.rotate_keys()
    assert second.epoch == 1
    assert second.public_key != first.public_key
    assert alice.key_record() == second, "it is remembered"
    assert alice.key() == second.public_key.to_text().encode()
    [release] = alice._platform.policy().releases
    assert second.release == release.digest


def test_the_async_client_rotates_as_well(platform, alice, tmp_path):
    async def rotate():
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            return await cape.rotate_keys(), await cape.key_record()

    rotated, known = asyncio.run(rotate())
    assert rotated == known
    assert published_epoch(alice) == rotated.epoch == 1


def test_nothing_is_published_when_the_enclave_is_not_approved(platform, alice, tmp_path):
    [release] = alice._platform.policy().releases
    other = policy.Release({0: bytes([1]) * 48}, vault=release.vault)
    with (
        user(platform, tmp_path / "alice", policy=policy.Policy([other])) as cape,
        exactly(errors.PcrMismatch),
    ):
        cape.rotate_keys()
    assert published_epoch(alice) == 0
    assert alice.key_record().epoch == 0


def test_a_rotation_that_would_lock_a_function_out(alice, folder_of):
    alice.deploy(folder_of(ECHO, name="one"), name="one")
    alice.deploy(folder_of(ECHO, name="two"), name="two")
    begin_epoch(alice, 14)
    assert alice.rotate_keys().epoch == 15, "the last that min_epoch 0 opens"
    with exactly(errors.Conflict, match=r"one \(epochs 0 to 15\), two \(epochs 0 to 15\)"):
        alice.rotate_keys()
    alice.deploy(folder_of(ECHO, "min_epoch = 1", name="one"), name="one")
    with exactly(errors.Conflict, match=r"not open in two \(epochs 0 to 15\)"):
        alice.rotate_keys()
    alice.delete(f"{alice.account_id}/two")
    assert alice.rotate_keys().epoch == 16
    ciphertext = alice.encrypt(b"of epoch 16")
    assert alice.run(f"{alice.account_id}/one", None, ciphertext) == b"of epoch 16"


def test_a_function_that_could_not_open_what_is_encrypted_now_is_not_deployed(alice, folder_of):
    with exactly(errors.Conflict, match="epochs 1 to 16.* now is of epoch 0"):
        alice.deploy(folder_of(ECHO, "min_epoch = 1"), name="ahead")
    begin_epoch(alice, 16)
    with exactly(errors.Conflict, match="epochs 0 to 15.* now is of epoch 16"):
        alice.deploy(folder_of(ECHO, name="behind"), name="behind")
    assert alice.functions() == []


def test_a_function_that_is_there_can_be_deployed_again_whatever_the_epoch(alice):
    ref = alice.deploy(echo_folder(), name="kept")
    begin_epoch(alice, 40)
    assert alice.deploy(echo_folder(), name="kept") == ref


def test_there_is_no_epoch_after_the_last(alice):
    begin_epoch(alice, 2**32 - 1)
    with exactly(errors.Conflict, match="there is none after it"):
        alice.rotate_keys()


def test_others_learn_of_an_epoch_when_they_ask_an_enclave_again(platform, alice, tmp_path):
    with user(platform, tmp_path / "carol") as carol:
        before = carol.key_record(username=alice.account_id)
        after = alice.rotate_keys()
        assert carol.key_record(username=alice.account_id) == before, "for seven days"
        other_kem = carol.key_record(username=alice.account_id, kem="x25519")
        assert other_kem.epoch == 1
        again = carol.key_record(username=alice.account_id)
        assert again.public_key == after.public_key, "none goes back to an epoch before"


def test_a_rotation_on_a_machine_that_is_shown_an_older_epoch(platform, alice, tmp_path):
    """The honest directory keeps the newest record, whoever was told of an older one."""
    alice.rotate_keys()
    alice.rotate_keys()
    (tmp_path / "second").mkdir()
    shutil.copy2(tmp_path / "alice" / "account.key", tmp_path / "second")
    lie = {"v2/accounts/": lambda _answer: None}
    with (
        hostile(platform, tmp_path / "second", answers=lie) as second,
        exactly(errors.Conflict, match="the account's epoch number is 2 already"),
    ):
        second.rotate_keys()
    assert published_epoch(alice) == 2


def test_the_release_that_is_remembered_is_the_first_that_fits(platform, alice, tmp_path):
    [release] = alice._platform.policy().releases
    loose = policy.Release({0: release.pcrs[0]}, vault=release.vault, name="loose")
    for first, second in ((loose, release), (release, loose)):
        both = policy.Policy([first, second])
        with user(platform, tmp_path / first.name, policy=both) as cape:
            record = cape.key_record(username=alice.account_id)
        assert record.release == first.digest


@pytest.mark.filterwarnings("ignore:insecure:RuntimeWarning")
def test_a_key_that_no_policy_vouched_for_is_not_remembered(platform, alice, tmp_path):
    with user(platform, tmp_path / "carol", policy=insecure.any_code()) as carol:
        record = carol.key_record(username=alice.account_id)
    assert record.release is None
    assert not (tmp_path / "carol" / "keys").exists()
