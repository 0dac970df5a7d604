"""Many connections that want nothing good: memory stays bounded, and a good client is served.

Each flood is held open while a client goes on calling over a session that was there before, and
over new ones. What a peer can take from others is room for new connections, for as long as a
handshake may take; what it cannot take is shown here.
"""

import base64
import os
import resource
import socket
import struct
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from pycape import Cape
from pycape.demo import echo_folder
from pycape.errors import Overloaded

from .chaos import Host
from .processes import children

MANY = 1000
# The limit of connections, of refusals that are read and of farewells, and some that get neither.
TOO_MANY = 2500
KIB = 1024

# What one held connection may cost, all told. One that sends a part of a message costs that part,
# 50 KB here, and at most 1 MiB; the others cost 12 KiB.
MEMORY_EACH = 128 * KIB


def upgrade() -> bytes:
    nonce = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    lines = (
        f"GET /v2/session?nonce={nonce}&suites=1,2 HTTP/1.1",
        "Host: enclave",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: cape.v2",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def frame(opcode: int, length: int, payload: bytes = b"") -> bytes:
    """A masked frame of WebSocket that says it has this length (RFC 6455, 5.2)."""
    return bytes([0x80 | opcode, 0x80 | 127]) + struct.pack(">Q", length) + bytes(4) + payload


# What each connection sends, and then no more.
FLOODS = {
    "nothing": lambda: b"",
    "a part of a head": lambda: upgrade()[:100],
    "a head too large": lambda: upgrade()[:-4] + b"\r\nX-Filler: " + b"a" * 200_000,
    "too many headers": lambda: upgrade()[:-4] + b"\r\nX: y" * 5000,
    "garbage": lambda: os.urandom(500),
    "a handshake, and nothing": upgrade,
    "a handshake, and garbage": lambda: upgrade() + os.urandom(500),
    "a handshake, and a text": lambda: upgrade() + frame(1, 4, b"text"),
    "a handshake, and an endless frame": lambda: upgrade() + frame(2, 1 << 62, bytes(70_000)),
    "a handshake, and a part of a frame": lambda: upgrade() + frame(2, 1 << 20, bytes(50_000)),
    "a handshake, and a first message of nothing": lambda: upgrade() + frame(2, 1000, bytes(1000)),
}


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Host(tmp_path_factory.mktemp("host")) as host:
        yield host
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def alice(host):
    with Cape(config_dir=host.config, max_retries=30) as alice:
        yield alice


@pytest.fixture(scope="module")
def echo(alice):
    return alice.deploy(echo_folder(), name="echo")


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS)
def test_a_flood_at_the_enclave(host, alice, echo, flood):
    [enclave] = children(host.pid)
    address = enclave_address(host)
    with calling(alice, echo) as answers:
        before = memory(enclave)
        with held(address, flood, MANY):
            for _ in range(3):
                assert alice.run(echo, None, b"a new session") == b"a new session"
            grown = memory(enclave) - before
            assert grown <= MANY * MEMORY_EACH, f"{grown // MANY} bytes a connection"
    assert set(answers) == {b"x"}
    assert children(host.pid) == {enclave}


@pytest.mark.parametrize("flood", list(FLOODS.values())[:5], ids=list(FLOODS)[:5])
def test_a_flood_at_the_control_plane(host, alice, echo, flood):
    url = urlsplit(host.url)
    with calling(alice, echo) as answers:
        before = memory(host.pid)
        with held((url.hostname, url.port), flood, 500):
            for _ in range(3):
                assert httpx.get(f"{host.url}/healthz", timeout=60).status_code == 200
                assert [manifest.name for manifest in alice.functions()] == ["echo"]
            grown = memory(host.pid) - before
            assert grown <= 500 * MEMORY_EACH, f"{grown // 500} bytes a connection"
    assert set(answers) == {b"x"}


def test_more_connections_than_there_is_room_for(host, alice, echo):
    """Those that are there go on; new ones are told to come back, and find room when they do."""
    [enclave] = children(host.pid)
    impatient = alice.with_options(max_retries=0)
    address = enclave_address(host)
    with calling(alice, echo) as answers, held(address, upgrade, TOO_MANY) as connections:
        told = Counter(map(first_line, connections))
        with pytest.raises(Overloaded, match="has no room") as raised:
            impatient.run(echo, None, b"no room")
        assert (raised.value.retry_after, raised.value.status) == (1, 503)
    assert set(answers) == {b"x"}
    assert set(told) == {b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 503 Service Unavailable"}
    assert told.total() == TOO_MANY
    assert alice.run(echo, None, b"when they have gone") == b"when they have gone"
    assert children(host.pid) == {enclave}


def test_pings_whose_answers_nobody_reads(host, alice, echo):
    """They are not read for ever: what is to be answered waits at whoever asked."""
    [enclave] = children(host.pid)
    with ExitStack() as stack, calling(alice, echo) as answers:
        before = memory(enclave)
        taken = [pinged(session(stack, alice, echo)) for _ in range(3)]
        grown = memory(enclave) - before
    assert max(taken) < PINGS, "pings were read without end"
    assert grown <= 3 * MEMORY_EACH, f"{grown // 3} bytes a connection"
    assert set(answers) == {b"x"}


def test_pings_before_there_is_a_session_end_the_connection(host, alice, echo):
    """They are of the room that a first message has. What comes behind is dropped for a moment."""
    [enclave] = children(host.pid)
    with ExitStack() as stack, calling(alice, echo) as answers:
        before = memory(enclave)
        for _ in range(3):
            connection = stack.enter_context(socket.create_connection(enclave_address(host)))
            connection.sendall(upgrade())
            pinged(connection)
            assert has_ended(connection)
        grown = memory(enclave) - before
    assert grown <= 3 * MEMORY_EACH, f"{grown // 3} bytes a connection"
    assert set(answers) == {b"x"}


def session(stack, alice, echo) -> socket.socket:
    """A connection whose other end has said all that it says by itself."""
    context = stack.enter_context(alice.function_context(echo, None))
    context.invoke(b"x")
    websocket = context._connection._websocket
    stack.enter_context(websocket._used)  # nobody looks after it
    return websocket._socket


def has_ended(connection: socket.socket) -> bool:
    """Whether the other side closes a connection within a minute."""
    connection.settimeout(60)
    try:
        while connection.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


# More than the buffers of two sockets hold.
PINGS = 64 << 20


def pinged(connection: socket.socket) -> int:
    """Bytes of pings that the other side has taken when it has taken none for a second."""
    pings, taken = memoryview(frame(9, 125, bytes(125)) * 1000), 0
    connection.settimeout(1)
    try:
        while taken < PINGS:
            taken += connection.send(pings)
    except OSError:
        pass
    return taken


@contextmanager
def calling(cape: Cape, function):
    """Call meanwhile, again and again, over a session that is open, and once behind it."""
    answers, stopping = [], threading.Event()
    with cape.function_context(function, None) as context:
        answers.append(context.invoke(b"x"))

        def call() -> None:
            try:
                while not stopping.wait(0.02):
                    answers.append(context.invoke(b"x"))
            except BaseException as error:
                answers.append(error)
                raise

        thread = threading.Thread(target=call)
        thread.start()
        try:
            yield answers
        finally:
            stopping.set()
            thread.join(60)
        answers.append(context.invoke(b"x"))


@contextmanager
def held(address, flood, count: int):
    """Open so many connections, have each say its piece, and hold them as far as they are let."""
    with ExitStack() as stack:
        connections = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(address, timeout=60))
            connections.append(connection)
            try:
                connection.sendall(flood())
            except OSError:
                continue  # it was not heard to its end
        yield connections


def first_line(connection: socket.socket) -> bytes:
    """Read what a connection is answered, up to the end of its first line."""
    answer = b""
    while b"\r\n" not in answer and (part := connection.recv(4096)):
        answer += part
    return answer.partition(b"\r\n")[0]


def enclave_address(host: Host) -> tuple[str, int]:
    placed = httpx.post(f"{host.url}/v2/placements", json={}, timeout=60).json()["url"]
    url = urlsplit(placed)
    return url.hostname, url.port


def memory(pid: int) -> int:
    """Bytes that a process has in use (VmRSS)."""
    with Path(f"/proc/{pid}/status").open() as status:
        [line] = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1]) * KIB
