"""A real platform: real processes, real sockets, a simulated security module."""

import asyncio
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from pycape import AsyncCape, Cape
from pycape._config import Config
from pycape.demo import echo_folder
from pycape.local import LocalPlatform

from .tampering import AsyncHostileTransport, HostileTransport


@pytest.fixture
def own_platform(tmp_path):
    """A platform for a test that harms it."""
    with LocalPlatform(
        data_folder=tmp_path / "data", config_folder=tmp_path / "platform", port=0
    ) as platform:
        yield platform


def user(platform: LocalPlatform, folder: Path, **options) -> Cape:
    """Return a client with an account of its own that has joined the platform."""
    Config(config_dir=folder).install_profile(platform.profile, make_default=True)
    return Cape(config_dir=folder, **options)


def hostile(platform: LocalPlatform, folder: Path, **means) -> Cape:
    """Return a client whose traffic goes through a host that uses its means."""
    return user(platform, folder, transport=HostileTransport(**means), max_retries=0)


def exactly(kind: type[Exception], match: str | None = None):
    """Expect an error of this class, and of none that is derived from it."""
    return pytest.raises(kind, match=match, check=lambda error: type(error) is kind)


@pytest.fixture(params=["sync", "async"])
def run_through(request, platform, alice, tmp_path):
    """Run Alice's function on inputs in turn, each in a session of its own, through a host."""

    def run(function, *inputs: bytes, **means) -> list[bytes]:
        with hostile(platform, tmp_path / "alice", **means) as cape:
            return [cape.run(function, None, data) for data in inputs]

    async def run_async(function, *inputs: bytes, **means) -> list[bytes]:
        options = {"transport": AsyncHostileTransport(**means), "max_retries": 0}
        async with AsyncCape(config_dir=tmp_path / "alice", **options) as cape:
            return [await cape.run(function, None, data) for data in inputs]

    if request.param == "sync":
        return run
    return lambda *arguments, **means: asyncio.run(run_async(*arguments, **means))


@pytest.fixture
def alice(platform, tmp_path):
    with user(platform, tmp_path / "alice") as cape:
        yield cape


@pytest.fixture
def bob(platform, tmp_path):
    with user(platform, tmp_path / "bob") as cape:
        yield cape


@pytest.fixture
def folder_of(tmp_path) -> Callable[..., Path]:
    """Write a function's folder: its app.py, and its cape.toml if it has settings."""

    def write(source: str, settings: str = "", name: str = "function") -> Path:
        folder = tmp_path / "functions" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "app.py").write_text(textwrap.dedent(source))
        if settings:
            (folder / "cape.toml").write_text(textwrap.dedent(settings))
        return folder

    return write


@pytest.fixture
def echo(alice):
    """Alice's function that returns its input."""
    return alice.deploy(echo_folder(), name="echo")
