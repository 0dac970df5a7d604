"""The ways out, over real sockets: what servers and networks do, and which error it becomes."""

import asyncio
import contextlib
import gzip
import json
import socket
import threading
import time

import pytest
import websockets.utils

from pycape import errors
from pycape._effects import HttpRequest
from pycape._network import AsyncNetworkTransport, NetworkTransport

from .connect_proxy import head_of
from .servers import closed_port, enclave, http_server, listener, send

MEBIBYTE = 1 << 20

# No test waits longer for anything.
PATIENCE = 60


# The control plane


def test_a_request_and_its_answer(transport):
    def respond(handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        said = {"method": handler.command, "path": handler.path, "x": handler.headers["X-Y"]}
        send(handler, 409, json.dumps({**said, "body": body.decode()}).encode(), X_Request_Id="r")

    with http_server(respond) as url:
        answer = transport.request(
            HttpRequest("POST", f"{url}/a?b", {"X-Y": "z"}, b"hello"), PATIENCE
        )
    assert answer.status == 409
    assert answer.headers["x-request-id"] == "r"
    assert answer.json() == {"method": "POST", "path": "/a?b", "x": "z", "body": "hello"}


def test_nobody_listens(transport):
    refused = r"^no answer from 127\.0\.0\.1:\d+: [a-z][^\[\]]+$"  # no number of the system's
    with pytest.raises(errors.ConnectFailed, match=refused) as raised:
        transport.request(HttpRequest("GET", f"http://127.0.0.1:{closed_port()}/"), PATIENCE)
    assert "`cape dev`" in raised.value.hint


def test_nobody_answers(transport):
    with listener() as address, pytest.raises(errors.TimeoutExpired) as raised:
        transport.request(HttpRequest("GET", f"http://{address}/"), 0.2)
    assert raised.value.phase == "connect"


def test_an_answer_that_drips_is_not_waited_for(transport):
    def respond(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(b"x")
                time.sleep(0.05)

    with http_server(respond) as url, pytest.raises(errors.TimeoutExpired):
        transport.request(HttpRequest("GET", url), 0.3)


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_answer_without_end(transport, encoding):
    body = bytes(9 * MEBIBYTE)
    body = gzip.compress(body) if encoding == "gzip" else body

    with (
        http_server(lambda handler: send(handler, 200, body, Content_Encoding=encoding)) as url,
        pytest.raises(errors.ProtocolError, match="more than 8388608 bytes"),
    ):
        transport.request(HttpRequest("GET", url), PATIENCE)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\nab",
    ],
)
def test_an_answer_that_is_none(transport, said):
    def serve(connection):
        connection.recv(65_536)
        connection.sendall(said)
        connection.shutdown(socket.SHUT_RDWR)

    with listener(serve) as address, pytest.raises(errors.ConnectFailed):
        transport.request(HttpRequest("GET", f"http://{address}/"), PATIENCE)


def test_a_redirect_is_an_answer(transport):
    with http_server(
        lambda handler: send(handler, 302, b"", Location="http://127.0.0.1:1/")
    ) as url:
        assert transport.request(HttpRequest("GET", url), PATIENCE).status == 302


def test_after_close_it_can_be_used_again(transport):
    with http_server(lambda handler: send(handler, 200, b"{}")) as url:
        for _ in range(2):
            assert transport.request(HttpRequest("GET", url), PATIENCE).json() == {}
            transport.close()
            transport.close()


def test_connections_to_the_control_plane_are_kept(transport):
    ports = set()

    def respond(handler):
        ports.add(handler.client_address[1])
        send(handler, 200, b"{}")

    with http_server(respond) as url:
        for _ in range(3):
            transport.request(HttpRequest("GET", url), PATIENCE)
    assert len(ports) == 1


def test_what_stays_on_this_machine_goes_by_no_proxy(transport, monkeypatch):
    """It is not encrypted, and a proxy is somewhere else."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with http_server(lambda handler: send(handler, 200, b"{}")) as url:
        for host in ("127.0.0.1", "localhost"):
            address = url.replace("127.0.0.1", host)
            assert transport.request(HttpRequest("GET", address), PATIENCE).status == 200
    with enclave(lambda websocket: websocket.send(b"hello")) as url:
        connection = transport.connect(url, PATIENCE)
        assert connection.receive(PATIENCE, "attest") == b"hello"
        connection.close()


def test_one_async_transport_serves_one_event_loop_after_the_other():
    transport = AsyncNetworkTransport()

    async def ask(url):
        return (await transport.request(HttpRequest("GET", url), PATIENCE)).status

    with http_server(lambda handler: send(handler, 200, b"{}")) as url:
        assert [asyncio.run(ask(url)) for _ in range(3)] == [200] * 3
        asyncio.run(transport.close())


# The enclave


def test_messages_there_and_back(transport):
    def serve(websocket):
        assert websocket.subprotocol == "cape.v2"
        for message in websocket:
            websocket.send(message[::-1])

    with enclave(serve, max_size=None) as url:
        connection = transport.connect(url, PATIENCE)
        for message in (b"abc", bytes(MEBIBYTE + 2048)):
            connection.send(message, PATIENCE)
            assert connection.receive(PATIENCE, "request") == message[::-1]
        connection.close()
        connection.close()


def test_what_has_come_is_there_without_waiting(transport):
    with enclave(lambda websocket: (websocket.send(b"1"), websocket.recv())) as url:
        connection = transport.connect(url, PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(errors.TimeoutExpired):
                assert connection.receive(0, "idle") == b"1"
                break
            time.sleep(0.01)
        with pytest.raises(errors.TimeoutExpired):
            connection.receive(0, "idle")
        connection.close()


def test_a_message_that_does_not_come(transport):
    with enclave(lambda websocket: websocket.recv()) as url:
        connection = transport.connect(url, PATIENCE)
        with pytest.raises(errors.TimeoutExpired, match=r"0\.1 s \(attest\)") as raised:
            connection.receive(0.1, "attest")
        assert raised.value.phase == "attest"
        connection.close()


@pytest.mark.parametrize("code", [1000, 1002, 1011])
def test_a_connection_that_closes(transport, code):
    with enclave(lambda websocket: websocket.close(code)) as url:
        connection = transport.connect(url, PATIENCE)
        with pytest.raises(errors.StreamTruncated, match=str(code)):
            connection.receive(PATIENCE, "request")
        with pytest.raises(errors.StreamTruncated):
            connection.send(b"x", PATIENCE)
        connection.close()


def test_a_connection_that_is_cut(transport):
    def serve(websocket):
        websocket.socket.shutdown(socket.SHUT_RDWR)

    with enclave(serve) as url:
        connection = transport.connect(url, PATIENCE)
        with pytest.raises(errors.StreamTruncated):
            connection.receive(PATIENCE, "request")
        connection.close()


def test_a_message_over_the_limit(transport):
    with enclave(lambda websocket: websocket.send(bytes(MEBIBYTE + 2049))) as url:
        connection = transport.connect(url, PATIENCE)
        with pytest.raises(errors.StreamTruncated, match="1009"):
            connection.receive(PATIENCE, "request")
        connection.close()


def test_a_text_message_is_a_refusal(transport):
    text = json.dumps({"code": "Overloaded", "message": "too \x1b[31m many"})
    with enclave(lambda websocket: websocket.send(text)) as url:
        connection = transport.connect(url, PATIENCE)
        with pytest.raises(errors.ProtocolError, match=r"too  \[31m many \(Overloaded\)"):
            connection.receive(PATIENCE, "attest")
        connection.close()


def test_a_peer_that_takes_nothing(transport):
    """Its buffers fill, and then nothing can be sent."""
    done = threading.Event()
    with enclave(lambda _websocket: done.wait(PATIENCE), max_queue=1, close_timeout=0.1) as url:
        connection = transport.connect(url, PATIENCE)
        with pytest.raises(errors.TimeoutExpired) as raised:
            for _ in range(200):
                connection.send(bytes(MEBIBYTE), 0.5)
        assert raised.value.phase == "idle"
        connection.close()
        done.set()


def test_closing_does_not_wait_for_a_peer_that_does_not_answer(transport):
    closed, gone = threading.Event(), threading.Event()

    def serve(connection):
        request = head_of(connection)
        key = request.partition("Sec-WebSocket-Key: ")[2].partition("\r\n")[0]
        accept = websockets.utils.accept_key(key)
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: cape.v2\r\nSec-WebSocket-Accept: "
            + accept.encode()
            + b"\r\n\r\n"
        )
        closed.wait(PATIENCE)
        gone.set()

    with listener(serve) as address:
        connection = transport.connect(f"ws://{address}/", PATIENCE)
        connection.close()
        assert not gone.is_set()
        closed.set()


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, errors.ProtocolError, "refused the handshake: no suite \\(ProtocolError\\)"),
        (429, errors.Overloaded, "has no room"),
        (503, errors.Overloaded, "has no room"),
        (404, errors.ConnectFailed, "answered 404"),
        (200, errors.ConnectFailed, "200"),
    ],
)
def test_an_upgrade_that_is_refused(transport, status, kind, said):
    body = json.dumps({"message": "no suite", "code": "ProtocolError"}).encode()
    refuse = lambda handler: send(handler, status, body, Retry_After="7")
    with http_server(refuse) as url, pytest.raises(kind, match=said) as raised:
        transport.connect(url.replace("http:", "ws:"), PATIENCE)
    if kind is errors.Overloaded:
        assert (raised.value.retry_after, raised.value.status) == (7, status)


def test_an_enclave_that_nobody_listens_for(transport):
    refused = r"no connection to 127\.0\.0\.1:\d+: [a-z][^\[\]]+$"
    with pytest.raises(errors.ConnectFailed, match=refused):
        transport.connect(f"ws://127.0.0.1:{closed_port()}/", PATIENCE)


def test_an_upgrade_that_is_not_answered(transport):
    with listener() as address, pytest.raises(errors.TimeoutExpired) as raised:
        transport.connect(f"ws://{address}/", 0.2)
    assert raised.value.phase == "connect"


def test_a_name_that_does_not_resolve(transport):
    with pytest.raises(errors.ConnectFailed) as connecting:
        transport.connect("wss://does-not-exist.invalid/", PATIENCE)
    with pytest.raises(errors.ConnectFailed) as requesting:
        transport.request(HttpRequest("GET", "https://does-not-exist.invalid/"), PATIENCE)
    for raised in (connecting, requesting):
        assert "Errno" not in str(raised.value)
        assert "check the network" in raised.value.hint
        assert "cape dev" not in raised.value.hint


def test_no_connection_is_closed_while_threads_may_use_it():
    """As many as there were requests at once are kept, however many: none is there to be closed."""
    count = 40
    together, connections = threading.Barrier(count), set()

    def respond(handler):
        connections.add(handler.client_address)
        together.wait(PATIENCE)
        handler.send_response(204)
        handler.end_headers()

    transport = NetworkTransport()
    with http_server(respond) as url:
        for _ in range(2):
            threads = [
                threading.Thread(target=transport.request, args=(HttpRequest("GET", url), PATIENCE))
                for _ in range(count)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        transport.close()
    assert len(connections) == count
