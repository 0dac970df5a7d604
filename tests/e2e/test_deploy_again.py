"""A folder that has not changed is deployed at once, and never something else in its place."""

import asyncio
import json
import os

import pytest

from pycape import AsyncCape, Cape, errors
from pycape.packaging import _package

SOURCE = "def cape_handler(data):\n    return b'one'\n"


@pytest.fixture
def made(monkeypatch):
    """Count the bundles that are made."""
    bundles = []
    bundle = _package.Source.bundle

    def counted(source, **options):
        bundles.append(source)
        return bundle(source, **options)

    monkeypatch.setattr(_package.Source, "bundle", counted)
    return bundles


@pytest.fixture
def folder(folder_of):
    return folder_of(SOURCE, name="twice")


def test_nothing_is_made_or_sent_for_a_folder_that_did_not_change(alice, folder, made, monkeypatch):
    first = alice.deploy(folder)
    monkeypatch.setattr(type(alice), "_open", lambda *_: pytest.fail("an enclave was asked"))
    phases = []
    assert alice.deploy(folder, progress=lambda each: phases.append(each.phase)) == first
    assert set(phases) == {"collect"}
    assert len(made) == 1


def test_nor_by_another_client_of_the_account_or_the_async_one(alice, folder, made, tmp_path):
    first = alice.deploy(folder)
    with Cape(config_dir=tmp_path / "alice") as other:
        assert other.deploy(folder) == first

    async def deploy():
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            assert await cape.deploy(folder) == first
            (folder / "app.py").write_text(SOURCE.replace("one", "two"))
            changed = await cape.deploy(folder)
            assert await cape.deploy(folder) == changed
            assert await cape.run(changed, None, b"") == b"two"

    asyncio.run(deploy())
    assert len(made) == 2


def test_a_change_within_the_same_tick_of_the_clock_is_deployed(alice, folder):
    first, times = alice.deploy(folder), (folder / "app.py").stat()
    (folder / "app.py").write_text(SOURCE.replace("one", "two"))
    os.utime(folder / "app.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    second = alice.deploy(folder)
    assert second != first
    assert alice.run(second, None, b"") == b"two"


def test_settings_count(alice, folder):
    first = alice.deploy(folder)
    (folder / "cape.toml").write_text("timeout_s = 7\n")
    second = alice.deploy(folder)
    assert alice.manifest(second).bundle_sha256 == alice.manifest(first).bundle_sha256
    assert alice.manifest(second).timeout_s == 7


def test_a_function_that_was_deleted_is_deployed_again(alice, folder, made):
    first = alice.deploy(folder)
    alice.delete(first)
    again = alice.deploy(folder)
    assert len(made) == 2
    assert alice.run(again, None, b"") == b"one"


def test_another_name_is_another_function(alice, folder):
    first, second = alice.deploy(folder), alice.deploy(folder, name="other")
    assert (first.name, second.name) == ("twice", "other")
    assert alice.run(second, None, b"") == b"one"


def test_what_was_deployed_before_the_last_version_is_deployed_as_the_next(alice, folder):
    alice.deploy(folder)
    (folder / "app.py").write_text(SOURCE.replace("one", "two"))
    alice.deploy(folder)
    (folder / "app.py").write_text(SOURCE)
    third = alice.deploy(folder)
    assert alice.manifest(third).version == 3
    assert alice.run(third, None, b"") == b"one"


def test_a_platform_that_does_not_have_it_gets_it(alice, bob, folder, tmp_path):
    """What is remembered is of bundles, whoever was asked to run them."""
    alice.deploy(folder)
    known = (tmp_path / "alice" / "known_bundles").read_bytes()
    (tmp_path / "bob" / "known_bundles").write_bytes(known)
    ref = bob.deploy(folder)
    assert ref.account == bob.account_id
    assert bob.run(ref, None, b"") == b"one"


def test_a_directory_that_goes_back_is_refused(alice, folder, tmp_path):
    """What it offers is judged as if there were nothing to remember."""
    ref = alice.deploy(folder)
    known = next((tmp_path / "alice" / "known").glob("*/functions"))
    content = json.loads(known.read_text())
    content[ref.full_name]["version"] = 5
    known.write_text(json.dumps(content))
    with Cape(config_dir=tmp_path / "alice") as cape, pytest.raises(errors.Conflict):
        cape.deploy(folder)


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"a": 1}', None])
def test_what_is_remembered_may_be_damaged_or_unwritable(alice, folder, tmp_path, content):
    first = alice.deploy(folder)
    known = tmp_path / "alice" / "known_bundles"
    if content is None:
        known.unlink()
        known.mkdir()
    else:
        known.write_text(content)
    assert alice.deploy(folder) == first
    assert alice.deploy(folder) == first


def test_few_hundred_bundles_are_remembered_and_the_last_ones(alice, folder, tmp_path):
    known = tmp_path / "alice" / "known_bundles"
    old = {f"{number:064}": {"sha256": "", "size": 1, "at_ms": number} for number in range(300)}
    known.write_text(json.dumps({**old, "odd": "entry"}))
    alice.deploy(folder)
    kept = json.loads(known.read_text())
    assert len(kept) == 256
    assert f"{299:064}" in kept
    assert f"{44:064}" not in kept
