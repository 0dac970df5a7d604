"""A client goes to where the enclave was, until somebody else is there or nobody."""

import asyncio
import os
import select
import signal
import socket
import threading
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from tests.ports import is_free

from pycape import AsyncCape, Cape, errors
from pycape.demo import echo_folder

from .conftest import exactly, user
from .processes import kill_enclave, wait_until
from .tampering import AsyncHostileTransport, HostileTransport


@pytest.fixture
def moving(own_platform, tmp_path):
    """A function on a platform whose enclave moves."""
    with user(own_platform, tmp_path / "alice") as alice:
        return alice.deploy(echo_folder(), name="echo")


@pytest.fixture(params=["sync", "async"])
def client(request, moving, tmp_path):
    """A client without further attempts; `asked` has what it was told of places: `lies` first."""
    asked, lies = [], []

    def told(answer: dict) -> dict:
        asked.append(lies.pop() if lies else answer["url"])
        return {**answer, "url": asked[-1]}

    options = {"config_dir": tmp_path / "alice", "max_retries": 0}
    means = {"answers": {"v2/placements": told}}
    if request.param == "sync":
        with Cape(transport=HostileTransport(**means), **options) as cape:
            call = lambda data: cape.call(moving, None, data)
            yield SimpleNamespace(call=call, asked=asked, lies=lies)
        return
    cape = AsyncCape(transport=AsyncHostileTransport(**means), **options)
    with asyncio.Runner() as runner:
        call = lambda data: runner.run(cape.call(moving, None, data))
        yield SimpleNamespace(call=call, asked=asked, lies=lies)
        runner.run(cape.__aexit__(None, None, None))


def test_runs_of_one_client_ask_once(client):
    first, *later = [client.call(b"x") for _ in range(4)]
    assert len(client.asked) == 1
    assert first.timing.place > 0
    assert [result.timing.place for result in later] == [0.0] * 3
    assert all(result.output == b"x" for result in later)


def test_an_enclave_that_moved_is_found_where_it_is_now(own_platform, client):
    client.call(b"before")
    kill_enclave(own_platform)
    wait_until(lambda: has_moved(own_platform, client))
    assert client.call(b"after").output == b"after"
    assert client.call(b"again").output == b"again"
    assert len(client.asked) == len(set(client.asked)) == 2


def test_an_enclave_that_is_stopped_and_started_is_found(own_platform, client):
    client.call(b"before")
    os.kill(own_platform.enclave_pid, signal.SIGTERM)
    wait_until(lambda: has_moved(own_platform, client))
    assert client.call(b"after").output == b"after"


def hangs_up(connection: socket.socket, _elsewhere: int) -> None:
    connection.recv(1 << 16)


def answers_as_a_web_server(connection: socket.socket, _elsewhere: int) -> None:
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def has_no_room(connection: socket.socket, _elsewhere: int) -> None:
    connection.recv(1 << 16)
    connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


def is_another_platforms_enclave(connection: socket.socket, elsewhere: int) -> None:
    with socket.create_connection(("127.0.0.1", elsewhere)) as enclave:
        while True:
            readable, _, _ = select.select([connection, enclave], [], [], 60)
            for each in readable:
                data = each.recv(1 << 16)
                if not data:
                    return
                (enclave if each is connection else connection).sendall(data)


IMPOSTORS = [hangs_up, answers_as_a_web_server, has_no_room, is_another_platforms_enclave]


@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_whoever_is_at_the_old_address_is_left(platform, own_platform, client, impostor):
    """A call is made where the control plane says now, and nothing of it is sent before."""
    client.call(b"before")
    [old] = client.asked
    kill_enclave(own_platform)
    with listening_at(port_of(old), impostor, platform) as visits:
        wait_until(lambda: has_moved(own_platform, client))
        assert client.call(b"after").output == b"after"
        assert client.call(b"again").output == b"again"
        assert len(visits) == 1
    assert len(client.asked) == len(set(client.asked)) == 2


def test_a_wrong_enclave_that_is_named_now_is_an_error_as_ever(platform, own_platform, client):
    """The control plane flips to another platform's enclave: it proves itself to be another."""
    client.call(b"before")
    kill_enclave(own_platform)
    wait_until(lambda: has_moved(own_platform, client))
    client.lies.append(platform.placement.place(None).url)
    with exactly(errors.TrustRootMismatch):
        client.call(b"after")
    assert len(client.asked) == 2
    assert client.call(b"once more").output == b"once more"
    assert len(client.asked) == 3


def has_moved(platform, client) -> bool:
    place = platform.placement.place(None)
    return place is not None and place.url not in client.asked


@contextmanager
def listening_at(port: int, serve, platform):
    """Serve a port, one connection after the other; the list gets an item for each."""
    visits = []
    elsewhere = port_of(platform.placement.place(None).url)

    def accept() -> None:
        with suppress(OSError):  # it was shut
            while True:
                connection, _ = listener.accept()
                visits.append(connection)
                with connection, suppress(OSError):
                    serve(connection, elsewhere)

    wait_until(lambda: is_free(port))
    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield visits
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(60)


def port_of(url: str) -> int:
    return urlsplit(url).port
