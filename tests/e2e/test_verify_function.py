"""Anybody can rebuild a function and compare it with what runs."""

import asyncio
import shutil

import pytest

import pycape
from pycape import AsyncCape, Cape, errors
from pycape.demo import echo_folder

from .conftest import exactly


@pytest.fixture
def folder(tmp_path):
    """A copy of the echo function, elsewhere."""
    return shutil.copytree(echo_folder(), tmp_path / "elsewhere" / "copy")


def test_the_same_folder_elsewhere(bob, echo, folder):
    manifest = bob.verify_function(folder, echo)
    assert manifest.checksum == echo.checksum
    assert bob.verify_function(folder, echo.id).checksum == echo.checksum


def test_another_folder(bob, echo, folder):
    (folder / "app.py").write_text("def cape_handler(data):\n    return b''\n")
    with exactly(errors.ChecksumMismatch, match="bundle_sha256, bundle_size differ") as raised:
        bob.verify_function(folder, echo)
    assert raised.value.details.keys() == {"bundle_sha256", "bundle_size"}


def test_other_settings(bob, alice, folder):
    (folder / "cape.toml").write_text("timeout_s = 7\n")
    ref = alice.deploy(folder, name="seven")
    assert bob.verify_function(folder, ref).timeout_s == 7
    (folder / "cape.toml").write_text("timeout_s = 8\n")
    with exactly(errors.ChecksumMismatch, match="timeout_s") as raised:
        bob.verify_function(folder, ref)
    assert raised.value.details["timeout_s"] == "8, deployed 7"


def test_the_async_client_does_the_same(bob, echo, folder, tmp_path):
    async def verify():
        async with AsyncCape(config_dir=tmp_path / "bob") as cape:
            assert (await cape.verify_function(folder, echo)).checksum == echo.checksum
            (folder / "app.py").write_text("def cape_handler(data):\n    return b''\n")
            with exactly(errors.ChecksumMismatch, match="bundle_sha256"):
                await cape.verify_function(folder, echo)

    asyncio.run(verify())


def test_package_takes_the_profiles_platform(bob, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path / "bob"))
    with pycape.package(folder) as bundle, Cape() as cape:
        ref = cape.deploy(folder)
        assert bundle.sha256 == cape.manifest(ref).bundle_sha256
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path / "nobody"))
    with exactly(errors.ConfigError, match="there is no profile"):
        pycape.package(folder)


def test_a_folder_that_has_dependencies_built_takes_a_word(bob, alice, folder, tmp_path):
    (folder / "cape.toml").write_text("build_sdists = true\n")
    ref = alice.deploy(folder, name="builds")
    with exactly(errors.FileRefused, match="build_sdists is true"):
        bob.verify_function(folder, ref)
    assert bob.verify_function(folder, ref, build_sdists=True).checksum == ref.checksum

    async def verify() -> None:
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            with exactly(errors.FileRefused):
                await cape.verify_function(folder, ref)
            await cape.verify_function(folder, ref, build_sdists=True)

    asyncio.run(verify())
