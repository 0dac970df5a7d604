"""A bundle on its way to the enclave: with progress, compressed where that pays, and refused."""

import asyncio
import os
from importlib.resources import files

import pytest

from pycape import AsyncCape, _upload, errors
from pycape.local import LocalPlatform

from .conftest import exactly, user
from .tampering import AsyncHostileTransport, HostileTransport

SIZE = 3 << 20
SOURCE = "def cape_handler(data):\n    return str(len(open('data', 'rb').read()))\n"


@pytest.fixture(params=["sync", "async"])
def deployed(request, platform, tmp_path, folder_of):
    """Deploy a function with a file of this content; return what was sent and told, and its run."""

    def deploy(content):
        folder = folder_of(SOURCE)
        (folder / "data").write_bytes(content)
        sent, told = [], []

        def count(_number, message):
            sent.append(len(message))
            return message

        def tell(progress):
            if progress.phase == "upload":
                told.append((progress.done, progress.total))

        transport = HostileTransport(to_enclave=count)
        with user(platform, tmp_path / "user", transport=transport) as cape:
            if request.param == "sync":
                ref = cape.deploy(folder, progress=tell)
            else:
                ref = asyncio.run(deploy_async(folder, count, tell))
            size = cape.manifest(ref).bundle_size
            share = sum(sent) / size
            assert told[0] == (0, size)
            assert told[-1] == (size, size)
            assert told == sorted(told)
            assert cape.run(ref, None, b"") == str(SIZE).encode()
        return share

    async def deploy_async(folder, count, tell):
        transport = AsyncHostileTransport(to_enclave=count)
        async with AsyncCape(config_dir=tmp_path / "user", transport=transport) as cape:
            return await cape.deploy(folder, progress=tell)

    return deploy


@pytest.fixture
def far_away(monkeypatch):
    """The enclave is on another machine, as far as its address tells."""
    monkeypatch.setattr(_upload, "is_loopback", lambda url: not url.startswith("ws"))


@pytest.mark.usefixtures("far_away")
def test_what_becomes_shorter_is_compressed(deployed):
    assert deployed(b"0123456789abcdef" * (SIZE // 16)) < 0.1


@pytest.mark.usefixtures("far_away")
def test_what_does_not_is_sent_as_it_is(deployed):
    assert 1 < deployed(os.urandom(SIZE)) < 1.02


def test_within_a_machine_nothing_is_compressed(deployed):
    assert 1 < deployed(bytes(SIZE)) < 1.02


@pytest.mark.usefixtures("far_away")
def test_a_sample_is_taken_of_all_parts(deployed):
    """A bundle of which only the front would become shorter."""
    assert 1 < deployed(bytes(SIZE // 10) + os.urandom(SIZE - SIZE // 10)) < 1.02


@pytest.fixture(scope="module")
def small_platform(tmp_path_factory):
    """A platform whose enclave takes no bundle of more than 100,000 bytes."""
    home = tmp_path_factory.mktemp("small")
    shipped = (files("pycape.local") / "settings.toml").read_text("utf-8")
    (home / "settings.toml").write_text(f"{shipped}\n[limits]\nbundle_bytes = 100000\n")
    folders = {"data_folder": home / "data", "config_folder": home / "config"}
    with LocalPlatform(**folders, port=0, settings=home / "settings.toml") as platform:
        yield platform


def test_what_is_too_large_for_the_enclave_is_not_sent(small_platform, folder_of, tmp_path):
    folder = folder_of(SOURCE)
    (folder / "data").write_bytes(bytes(100_000))
    sent = []

    def count(_number, message):
        sent.append(len(message))
        return message

    transport = HostileTransport(to_enclave=count)
    with user(small_platform, tmp_path / "user", transport=transport) as cape:
        with exactly(errors.BundleTooLarge, match="enclave takes 100,000") as raised:
            cape.deploy(folder)
        assert raised.value.details["limit"] == "100000"
        assert sum(sent) < 10_000
        assert cape.functions() == []
        (folder / "data").write_bytes(bytes(50_000))
        assert cape.run(cape.deploy(folder), None, b"") == b"50000"
