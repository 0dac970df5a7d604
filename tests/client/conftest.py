import asyncio
import os
import time
from types import SimpleNamespace

import pytest

from pycape import (
    Cape,
    _async_client_connections,
    _async_drive,
    _client_connections,
    _core,
    _drive,
    envelope,
)
from pycape._network import NetworkTransport

from .doubles import URL, Script, ScriptedTransport, any_policy
from .servers import Async
from .windows import PUBLIC


@pytest.fixture(autouse=True)
def environment(tmp_path, monkeypatch):
    """No variable of ours, and a configuration folder that is empty."""
    for name in os.environ:
        if name.startswith("CAPE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CAPE_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture(params=["sync", "async"])
def make_transport(request):
    """Return what makes transports, sync ones or async ones that are called like them."""
    kind, made = Async(), []

    def make(ca_file=None):
        make_one = NetworkTransport if request.param == "sync" else kind.transport
        made.append(make_one(ca_file))
        return made[-1]

    yield make
    for transport in made:
        transport.close()
    kind.loop.close()


@pytest.fixture
def transport(make_transport):
    return make_transport()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Paths are of a folder that is empty but for the configuration."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sealed(folder, plain):
    """The file `plain`, which each module makes, sealed for the key of `windows`."""
    path = folder / "sealed"
    with plain.open("rb") as reader, path.open("wb") as writer:
        envelope.seal_stream(reader, writer, [PUBLIC])
    return path


@pytest.fixture
def script():
    return Script()


@pytest.fixture
def cape(script):
    """A client of a control plane that follows `script`."""
    with Cape(URL, policy=any_policy(), transport=ScriptedTransport(script), max_retries=0) as cape:
        yield cape


@pytest.fixture
def other():
    """Somebody else's account."""
    return _core.Account.generate()


@pytest.fixture
def slept(monkeypatch):
    """The pauses that clients made, which take no time here."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    # The clients' alone: others of this process go on sleeping.
    sync_time = SimpleNamespace(**{**vars(time), "sleep": slept.append})
    async_time = SimpleNamespace(**{**vars(asyncio), "sleep": sleep})
    for module in (_client_connections, _drive):
        monkeypatch.setattr(module, "time", sync_time)
    for module in (_async_client_connections, _async_drive):
        monkeypatch.setattr(module, "asyncio", async_time)
    return slept
