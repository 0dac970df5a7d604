"""The async client's WebSocket, against a server that is driven by hand."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.frames import CloseCode, Opcode
from websockets.uri import parse_uri

from pycape import _async_websocket, _websocket_messages
from pycape._async_websocket import AsyncWebSocket

from .websocket_server import PATIENCE, Server


@asynccontextmanager
async def connected():
    ours, theirs = socket.socketpair()
    server = Server(theirs)
    client = await over(ours)
    greeting = asyncio.to_thread(server.accept)
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(greeting, client.handshake())
            yield client, server
    finally:
        await client.close()
        server.close()


async def over(sock: socket.socket) -> AsyncWebSocket:
    protocol = ClientProtocol(parse_uri("ws://localhost/"))
    _, client = await asyncio.get_running_loop().create_connection(
        lambda: AsyncWebSocket(protocol, close_timeout=1), sock=sock
    )
    return client


def run(test):
    """Run a coroutine with both ends."""

    async def with_both():
        async with connected() as (client, server):
            await test(client, server)

    asyncio.run(with_both())


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(_websocket_messages, "PING_AFTER", 0.1)
    monkeypatch.setattr(_async_websocket, "PING_AFTER", 0.1)


@pytest.fixture
def impatient(hurried, monkeypatch):
    monkeypatch.setattr(_websocket_messages, "SILENCE", 0.3)


def test_messages_go_both_ways():
    async def test(client, server):
        await client.send(b"there", timeout=PATIENCE)
        assert (await asyncio.to_thread(server.hear)).data == b"there"
        assert await client.pending() is None
        server.message(b"and back")
        assert await client.recv(timeout=PATIENCE) == b"and back"

    run(test)


def test_what_has_come_is_pending_though_the_loop_has_not_read_it():
    async def test(client, server):
        server.message(b"unread")
        assert await client.pending() == b"unread"
        assert await client.pending() is None

    run(test)


def test_a_wait_ends_in_time_and_the_next_one_is_its_own():
    async def test(client, server):
        with pytest.raises(TimeoutError):
            await client.recv(timeout=0.05)
        server.message(b"late")
        assert await client.recv(timeout=PATIENCE) == b"late"
        with pytest.raises(TimeoutError):
            await client.recv(timeout=0.05)

    run(test)


def test_a_wait_that_is_cancelled_loses_no_message():
    async def test(client, server):
        waiting = asyncio.create_task(client.recv(timeout=PATIENCE))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,))
        server.message(b"kept")
        assert await client.recv(timeout=PATIENCE) == b"kept"

    run(test)


def test_a_ping_is_answered_while_nobody_waits():
    async def test(client, server):
        client.start_keepalive()
        server.ping()
        assert (await asyncio.to_thread(server.hear)).opcode is Opcode.PONG

    run(test)


def test_an_idle_connection_asks_for_a_sign_of_life_and_is_given_up_without_one(impatient):
    async def test(client, server):
        client.start_keepalive()
        assert (await asyncio.to_thread(server.hear)).opcode is Opcode.PING
        with pytest.raises(ConnectionClosed):
            await client.recv(timeout=PATIENCE)

    run(test)


def test_a_sign_of_life_keeps_it(hurried):
    async def test(client, server):
        client.start_keepalive()
        for _ in range(3):
            assert (await asyncio.to_thread(server.hear)).opcode is Opcode.PING
            server.message(b"alive")
            assert await client.recv(timeout=PATIENCE) == b"alive"

    run(test)


def test_what_is_not_taken_is_not_read_without_end():
    """Four messages wait here, some in the system's buffers, and the rest at the other side."""

    async def test(client, server):
        count, size = 64, 256 << 10

        def send_all():
            for _ in range(count):
                server.message(bytes(size))

        sending = asyncio.get_running_loop().run_in_executor(None, send_all)
        await asyncio.sleep(0.2)
        assert not sending.done()
        assert len(client._messages._waiting) <= _websocket_messages.MAX_WAITING + 1
        for _ in range(count):
            assert len(await client.recv(timeout=PATIENCE)) == size
        await sending

    run(test)


def test_a_server_that_takes_nothing_is_not_waited_for():
    async def test(client, _server):
        with pytest.raises(TimeoutError):
            await client.send(bytes(64 << 20), timeout=0.2)
        with pytest.raises(ConnectionClosed):
            await client.recv(timeout=PATIENCE)
        with pytest.raises(ConnectionClosed):
            await client.send(b"more", timeout=PATIENCE)

    run(test)


def test_closing_ends_the_wait_of_another_task():
    async def test(client, _server):
        waiting = asyncio.create_task(client.recv(timeout=PATIENCE))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(ConnectionClosed):
            await waiting

    run(test)


def test_what_came_before_the_end_is_read_and_then_how_it_ended():
    async def test(client, server):
        server.message(b"last")
        server.goodbye(CloseCode.GOING_AWAY)
        assert await client.recv(timeout=PATIENCE) == b"last"
        with pytest.raises(ConnectionClosed) as raised:
            await client.recv(timeout=PATIENCE)
        assert raised.value.rcvd.code == CloseCode.GOING_AWAY
        assert (await asyncio.to_thread(server.hear)).opcode is Opcode.CLOSE

    run(test)


def test_a_server_that_is_gone():
    async def test(client, server):
        server.close()
        with pytest.raises(ConnectionClosed):
            await client.recv(timeout=PATIENCE)
        with pytest.raises(ConnectionClosed):
            await client.pending()

    run(test)


def test_a_refused_handshake():
    async def test():
        ours, theirs = socket.socketpair()
        client = await over(ours)
        theirs.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy")
        with pytest.raises(InvalidStatus) as raised:
            await asyncio.wait_for(client.handshake(), PATIENCE)
        assert raised.value.response.body == b"busy"
        await client.close()
        theirs.close()

    asyncio.run(test())


def test_a_server_that_goes_away_before_the_handshake():
    async def test():
        ours, theirs = socket.socketpair()
        client = await over(ours)
        theirs.close()
        with pytest.raises(InvalidMessage):
            await asyncio.wait_for(client.handshake(), PATIENCE)
        await client.close()

    asyncio.run(test())
