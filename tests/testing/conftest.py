import socket
import textwrap

import pytest

from pycape import testing


@pytest.fixture
def no_socket(monkeypatch):
    """Fails whatever makes a socket, of any family."""

    class Refused(socket.socket):
        def __init__(self, *arguments, **options):
            raise AssertionError("a socket was made")

    monkeypatch.setattr(socket, "socket", Refused)


@pytest.fixture
def folder(tmp_path):
    """Writes a function's folder."""

    def write(source, settings="", name="function"):
        made = tmp_path / name
        made.mkdir()
        (made / "app.py").write_text(textwrap.dedent(source))
        if settings:
            (made / "cape.toml").write_text(settings)
        return made

    return write


@pytest.fixture
def enclave():
    with testing.Enclave() as started:
        yield started


@pytest.fixture
def cape(enclave):
    with enclave.client() as client:
        yield client
