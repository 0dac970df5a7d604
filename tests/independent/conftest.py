"""A real platform, and clients that are not its own."""

import time

import pytest

from . import bundle, profile
from .client import Client
from .errors import Refused
from .jws import Account

ECHO = {"app.py": b"def cape_handler(input):\n    return input\n"}


@pytest.fixture(scope="session")
def platform_profile(platform):
    return profile.read(platform.profile_path.read_text())


@pytest.fixture
def new_client(platform_profile):
    """Make clients with accounts of their own."""
    clients = []

    def make(account=None):
        clients.append(Client(platform_profile, account or Account.generate()))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def alice(new_client):
    return new_client()


@pytest.fixture
def echo(alice):
    """Alice's function that returns its input."""
    with alice.connect() as connection:
        return alice.deploy(connection, "echo", bundle.pack(ECHO))


def deploy(client, connection, source, **settings):
    """Deploy a function of one file under a name of its own."""
    name = f"function-{time.time_ns()}"
    return client.deploy(connection, name, bundle.pack({"app.py": source.encode()}), **settings)


def refused(name):
    return pytest.raises(Refused, match=f"^{name}: ")
