"""The sync client's WebSocket, against a server that is driven by hand."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.uri import parse_uri

from pycape import _websocket, _websocket_messages
from pycape._caretaker import Caretaker
from pycape._websocket import WebSocket

from .websocket_server import PATIENCE, Server


@pytest.fixture
def both():
    ours, theirs = socket.socketpair()
    server = Server(theirs)
    greeting = threading.Thread(target=server.accept)
    greeting.start()
    protocol = ClientProtocol(parse_uri("ws://localhost/"))
    client = WebSocket(ours, protocol, deadline=time.monotonic() + PATIENCE, close_timeout=1)
    greeting.join(PATIENCE)
    yield client, server
    client.close()
    server.close()


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(_websocket, "_caretaker", Caretaker(every=0.02))
    monkeypatch.setattr(_websocket_messages, "PING_AFTER", 0.1)


def test_messages_go_both_ways(both):
    client, server = both
    client.send(b"there", timeout=PATIENCE)
    assert server.hear().data == b"there"
    server.message(b"and back")
    assert client.recv(timeout=PATIENCE) == b"and back"
    assert client.pending() is None


def test_a_ping_is_answered_while_nobody_uses_the_connection(both, hurried):
    client, server = both
    client.start_keepalive()
    server.ping()
    while (opcode := server.hear().opcode) is not Opcode.PONG:
        assert opcode is Opcode.PING


def test_an_idle_connection_asks_for_a_sign_of_life_and_is_given_up_without_one(
    both, hurried, monkeypatch
):
    monkeypatch.setattr(_websocket_messages, "SILENCE", 0.3)
    client, server = both
    client.start_keepalive()
    assert server.hear().opcode is Opcode.PING
    with pytest.raises(ConnectionClosed):
        while True:
            client.recv(timeout=PATIENCE)


def test_who_waits_asks_too_and_gives_up(both, hurried, monkeypatch):
    monkeypatch.setattr(_websocket_messages, "SILENCE", 0.3)
    client, server = both
    with pytest.raises(ConnectionClosed):
        client.recv(timeout=PATIENCE)
    assert server.hear().opcode is Opcode.PING


def test_who_asks_late_gives_time_to_answer(both, monkeypatch):
    """As after a machine has slept for longer than silence lasts."""
    client, server = both
    later = 10 * _websocket_messages.SILENCE
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + later)
    for module in (_websocket, _websocket_messages):
        monkeypatch.setattr(module, "time", clock)
    assert client.look_after()
    assert server.hear().opcode is Opcode.PING
    assert client.look_after(), "it had no time to answer yet"
    server.message(b"here")
    assert client.recv(timeout=PATIENCE) == b"here"


def test_a_message_that_comes_while_nobody_waits_is_kept(both, hurried):
    client, server = both
    client.start_keepalive()
    server.message(b"early")
    assert server.hear().opcode is Opcode.PING, "the message was read long before"
    assert client.recv(timeout=PATIENCE) == b"early"


def test_closing_from_another_thread_ends_the_wait(both):
    client, _server = both
    closing = threading.Timer(0.1, client.close)
    closing.start()
    with pytest.raises(ConnectionClosed):
        client.recv(timeout=PATIENCE)
    closing.join(PATIENCE)
    with pytest.raises(ConnectionClosed):
        client.send(b"late", timeout=PATIENCE)


def test_a_server_that_takes_nothing_is_not_waited_for(both):
    client, _server = both
    with pytest.raises(TimeoutError):
        client.send(bytes(64 << 20), timeout=0.2)
    with pytest.raises(ConnectionClosed):
        client.send(b"more", timeout=PATIENCE)
