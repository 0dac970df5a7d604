"""The HTTP server against clients that do not behave."""

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from tests.e2e.processes import wait_until

from pycape.errors import ConfigError, ServiceError
from pycape.local import http_protocol, serving
from pycape.local.serving import Server, listening_on_loopback, port_or_any
from pycape.server import FolderBlobs, LocalPlacement, Rate, Records, Services, create_app
from pycape.server import operations as server_operations

# No test waits longer for anything.
PATIENCE = 60

# Time enough to send a head, on a machine that is busy.
SOME_SECONDS = 2


@pytest.fixture
def address(tmp_path):
    with control_plane(tmp_path) as address:
        yield address


@contextmanager
def control_plane(tmp_path, **options):
    """A control plane behind a real server."""
    records = Records.open(f"sqlite:///{tmp_path}/records.db")
    services = Services(
        records=records,
        blobs=FolderBlobs(tmp_path / "blobs"),
        placement=LocalPlacement(lambda: 0),
        platform=lambda: None,
    )
    app = create_app(services, rate=Rate(per_second=0.01, burst=5))
    with listening_on_loopback(0) as listener:
        server = Server([(app, listener)], **options)
        server.start()
        yield listener.getsockname()
        server.stop()
    records.close()


def test_a_port_that_was_taken_meanwhile_is_not_insisted_on():
    with listening_on_loopback(0) as listener:
        port = listener.getsockname()[1]
        assert port_or_any(port) == 0
    assert port_or_any(port) == port


def test_garbage_is_refused(address):
    refused_as_malformed(said(address, b"\x00\x01\x02\r\n\r\n"))


@pytest.mark.parametrize("size", [70_000, 200_000, 1_000_000])
def test_a_head_that_is_too_large_is_refused_with_our_code(address, size):
    """What is left of it is read, so that its client reads the answer, and not a reset."""
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Filler: " + b"a" * size
    answer = said(address, head)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (problem["status"], problem["name"]) == (431, "ProtocolError")
    assert httpx.get("http://{}:{}/healthz".format(*address)).status_code == 200


def test_a_head_without_end_is_not_read_for_long(address, monkeypatch):
    monkeypatch.setattr(http_protocol, "FAREWELL_SECONDS", 30)
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Filler: ")
        sent = 0
        with pytest.raises(ConnectionError):
            while sent < 1 << 28:
                connection.sendall(b"a" * 0x10000)
                sent += 0x10000
    assert sent < 1 << 24


def test_who_does_not_end_after_a_refusal_is_closed(address, monkeypatch):
    monkeypatch.setattr(http_protocol, "FAREWELL_SECONDS", 0.2)
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        connection.sendall(b"\x00\r\n\r\n")
        goes_on_until_closed(connection)


def test_a_body_of_what_is_nowhere_is_not_kept(address):
    """It is refused at once, and the rest is not read for long."""
    head = b"PUT /nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 404")
        sent = 0
        with pytest.raises(ConnectionError):
            while sent < 1 << 28:
                connection.sendall(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
                sent += 0x10000
    assert sent < 1 << 24
    assert httpx.get("http://{}:{}/healthz".format(*address)).status_code == 200


def test_connections_beyond_those_that_are_served_are_told(address, monkeypatch):
    """With our code, not with a line of plain text; health and operators go on to be answered."""
    monkeypatch.setattr(http_protocol, "MAX_CONNECTIONS", 2)
    url = "http://{}:{}".format(*address)
    with socket.create_connection(address), socket.create_connection(address):
        refused = httpx.get(f"{url}/v2/names/alice")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["name"] == "Overloaded"
        assert refused.json()["detail"] == "too many connections are open"
        assert httpx.get(f"{url}/healthz").status_code == 200
        metrics = httpx.get(f"{url}/metrics").text
        assert 'cape_control_rate_limited_total{scope="connections"} 1.0' in metrics
    wait_until(lambda: httpx.get(f"{url}/v2/names/alice").status_code == 404)


@pytest.mark.parametrize("before", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_a_head_that_never_ends_is_given_up(address, monkeypatch, before):
    """Bytes that come one by one do not prolong it, nor does a request before."""
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", SOME_SECONDS)
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        if before:
            connection.sendall(before)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX-Filler: ")
        goes_on_until_closed(connection)
    assert httpx.get("http://{}:{}/healthz".format(*address)).status_code == 200


def test_a_request_that_takes_longer_than_its_head_is_answered(address, monkeypatch):
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", SOME_SECONDS)
    head = b"PUT /v2/names/alice HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        connection.sendall(head)
        time.sleep(SOME_SECONDS + 0.5)
        connection.sendall(b"body")
        assert connection.recv(65536).startswith(b"HTTP/1.1 4")


def test_a_body_that_never_ends_is_given_up(address, monkeypatch):
    monkeypatch.setattr(server_operations, "BODY_SECONDS", 0.2)
    head = b"PUT /v2/names/alice HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    answer = said(address, head + b"half")
    assert b"HTTP/1.1 408" in answer
    assert b"did not come within" in answer


def test_requests_under_way_end_when_the_server_stops_or_are_told(monkeypatch):
    monkeypatch.setattr(serving, "GRACE_SECONDS", 5)
    begun, release = threading.Semaphore(0), threading.Event()

    async def answer(request):
        begun.release()
        await asyncio.to_thread(release.wait, 0 if request.url.path == "/endless" else 60)
        if request.url.path == "/endless":
            await asyncio.Event().wait()
        return Response("done")

    app = Starlette(routes=[Route("/{kind}", answer)])
    with listening_on_loopback(0) as listener, ThreadPoolExecutor() as pool:
        server = Server([(app, listener)])
        server.start()
        url = "http://{}:{}".format(*listener.getsockname())
        answers = [
            pool.submit(httpx.get, f"{url}/{kind}", timeout=PATIENCE)
            for kind in ("slow", "endless")
        ]
        for _ in answers:
            begun.acquire(timeout=60)
        stopping = pool.submit(server.stop)
        wait_until(lambda: refuses(url))
        release.set()
        stopping.result(60)
        assert [answer.result(60).status_code for answer in answers] == [200, 500]


def refuses(url):
    try:
        httpx.get(url)
    except httpx.ConnectError:
        return True
    return False


def test_an_address_cannot_be_made_up(address):
    url = "http://{}:{}/v2/names/nobody".format(*address)
    statuses = [
        httpx.get(url, headers={"X-Forwarded-For": f"192.0.2.{number}"}).status_code
        for number in range(6)
    ]
    assert statuses == [404] * 5 + [429]


def test_behind_a_proxy_its_word_on_addresses_counts(tmp_path):
    """That is the last one; those before it are what the client made up."""
    with control_plane(tmp_path, behind_proxy=True) as address:
        url = "http://{}:{}/v2/names/nobody".format(*address)

        def status(forwarded):
            return httpx.get(url, headers={"X-Forwarded-For": forwarded}).status_code

        assert [status(f"192.0.2.{number}") for number in range(8)] == [404] * 8
        assert [status(f"198.51.100.{number}, 192.0.2.1") for number in range(6)] == [
            *[404] * 4,
            *[429] * 2,
        ]


def test_an_application_that_cannot_start_is_told():
    @asynccontextmanager
    async def lifespan(_app):
        raise RuntimeError("the store is gone")
        yield

    with listening_on_loopback(0) as listener, pytest.raises(ServiceError, match="did not start"):
        Server([(Starlette(lifespan=lifespan), listener)]).start()


def test_a_port_that_may_not_be_used_is_told():
    with pytest.raises(ConfigError, match="cannot be used"), listening_on_loopback(70_000):
        pass


def refused_as_malformed(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in head
    problem = json.loads(body)
    assert (problem["name"], problem["code"]) == ("ProtocolError", "CAPE-TRN-004")
    assert problem["request_id"].encode() in head


def goes_on_until_closed(connection):
    """Send a byte now and then, until the server closes the connection."""
    end = time.monotonic() + PATIENCE
    with pytest.raises(ConnectionError):
        while time.monotonic() < end:
            connection.sendall(b"a")
            time.sleep(0.01)


def said(address, octets):
    """What the server answers before it closes the connection, if it closes it."""
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        answer = b""
        try:
            connection.sendall(octets)
            while chunk := connection.recv(65536):
                answer += chunk
        except (ConnectionError, TimeoutError):
            pass
    return answer
