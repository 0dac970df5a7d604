"""The blob service, in process and over its socket."""

import asyncio
import errno
import fcntl
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.testclient import TestClient
from tests.e2e.processes import wait_until

from pycape.server import FolderBlobs, create_blob_service
from pycape.server.blobs import blob_name

LIMIT = 4_000_000
SERVER = """
import sys, pathlib, uvicorn
from pycape.server import FolderBlobs, create_blob_service
app = create_blob_service(FolderBlobs(pathlib.Path(sys.argv[1]) / "blobs"))
uvicorn.run(app, uds=sys.argv[1] + "/socket", log_level="error")
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "blobs"


@pytest.fixture
def client(folder):
    return TestClient(create_blob_service(FolderBlobs(folder), max_blob_bytes=LIMIT))


@pytest.fixture
def served(tmp_path):
    """A client of a blob service in another process, and that process."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, tmp_path])
    path = tmp_path / "socket"
    transport = httpx.HTTPTransport(uds=str(path))
    try:
        with httpx.Client(transport=transport, base_url="http://blobs", timeout=60) as client:
            wait_until(lambda: answers(client))
            yield client, process, path
    finally:
        process.kill()
        process.wait()


def answers(client):
    """Whether it is heard: its socket is there a moment before."""
    try:
        return client.get("/blobs").is_success
    except httpx.TransportError:
        return False


def test_a_blob_is_put_read_replaced_listed_and_deleted(client):
    assert client.get("/blobs/02aa").status_code == 404
    for content in (b"first", b"second", b"", secrets.token_bytes(3_000_000)):
        assert client.put("/blobs/02aa", content=content).status_code == 204
        answer = client.get("/blobs/02aa")
        assert answer.content == content
        assert answer.headers["Content-Length"] == str(len(content))
    client.put("/blobs/01aa", content=b"x")
    assert client.get("/blobs").json() == {"names": ["01aa", "02aa"]}
    assert client.get("/blobs?prefix=02").json() == {"names": ["02aa"]}
    assert client.get("/blobs?prefix=03").json() == {"names": []}
    assert client.delete("/blobs/02aa").status_code == 204
    assert client.delete("/blobs/02aa").status_code == 204
    assert client.get("/blobs").json() == {"names": ["01aa"]}


@pytest.mark.parametrize(
    "name",
    [
        "%2e%2e%2frecords.db",
        "..%2Frecords.db",
        "0G",
        "AA",
        "aa%00",
        "aa%0a",
        "aa%23",
        "incoming",
        "a" * 129,
        "%C3%A9",
    ],
)
def test_a_name_that_is_not_hex_is_refused(client, folder, name):
    (folder.parent / "records.db").write_bytes(b"keep")
    before = sorted(folder.rglob("*"))
    for method in ("GET", "PUT", "DELETE"):
        assert client.request(method, f"/blobs/{name}").status_code in {400, 404}
    assert client.get("/blobs", params={"prefix": "../"}).status_code == 400
    assert (folder.parent / "records.db").read_bytes() == b"keep"
    assert sorted(folder.rglob("*")) == before


def test_names_are_parsed_strictly():
    assert blob_name("0" * 128)
    for name in ("", "0" * 129, "0\n", "O0", "0x1", "\u0660"):  # an Arabic zero
        with pytest.raises(ValueError, match="not a blob name"):
            blob_name(name)


def test_a_blob_beyond_the_limit_is_refused_and_leaves_nothing(client, folder):
    client.put("/blobs/aa", content=b"before")
    assert client.put("/blobs/aa", content=b"x" * (LIMIT + 1)).status_code == 413
    pieces = (b"x" * 100_000 for _ in range(LIMIT // 100_000 + 1))
    assert client.put("/blobs/aa", content=pieces).status_code == 413
    assert client.get("/blobs/aa").content == b"before"
    assert files(folder) == ["aa"]


def test_a_blob_that_there_is_no_room_for_is_refused_and_leaves_nothing(served, tmp_path):
    client, process, _ = served
    assert client.put("/blobs/aa", content=b"before").status_code == 204
    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    for room in (100_000, 0):
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (room, most))
        for name in ("aa", "bb"):
            answer = client.put(f"/blobs/{name}", content=bytes(200_000))
            assert answer.status_code == 507
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
    assert client.get("/blobs/aa").content == b"before"
    assert client.get("/blobs/bb").status_code == 404
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
    assert client.put("/blobs/bb", content=bytes(200_000)).status_code == 204


def test_a_truncated_put_leaves_nothing(served, tmp_path):
    client, _, path = served
    client.put("/blobs/aa", content=b"before")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        head = b"PUT /blobs/aa HTTP/1.1\r\nHost: blobs\r\nContent-Length: 9000000\r\n\r\n"
        connection.sendall(head + b"x" * 8_000_000)
    wait_until(lambda: files(tmp_path / "blobs") == ["aa"])
    assert client.get("/blobs/aa").content == b"before"


def test_a_killed_service_leaves_no_half_blob(served, tmp_path):
    client, process, path = served
    client.put("/blobs/aa", content=b"before")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        head = b"PUT /blobs/aa HTTP/1.1\r\nHost: blobs\r\nContent-Length: 90000000\r\n\r\n"
        connection.sendall(head + b"x" * 20_000_000)
        wait_until(lambda: len(files(tmp_path / "blobs")) == 2)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert len(files(tmp_path / "blobs")) == 2

    again = TestClient(create_blob_service(FolderBlobs(tmp_path / "blobs")))
    assert again.get("/blobs/aa").content == b"before"
    assert files(tmp_path / "blobs") == ["aa"]


def test_a_store_that_starts_leaves_alone_what_another_of_the_folder_is_writing(served, tmp_path):
    client, _, path = served
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        head = b"PUT /blobs/aa HTTP/1.1\r\nHost: blobs\r\nContent-Length: 9000000\r\n\r\n"
        connection.sendall(head + b"x" * 8_000_000)
        wait_until(lambda: files(tmp_path / "blobs") != [])
        FolderBlobs(tmp_path / "blobs")
        connection.sendall(b"x" * 1_000_000)
        assert connection.recv(100).startswith(b"HTTP/1.1 204 ")
    assert client.get("/blobs/aa").content == b"x" * 9_000_000
    assert files(tmp_path / "blobs") == ["aa"]


@pytest.mark.parametrize("says", [None, errno.ESTALE], ids=["no name", "as NFS"])
def test_a_file_that_a_store_removes_before_it_is_locked_is_made_anew(folder, monkeypatch, says):
    blobs, flock, fstat = FolderBlobs(folder), fcntl.flock, os.fstat

    def late(file, operation):
        monkeypatch.setattr(fcntl, "flock", flock)
        FolderBlobs(folder)
        flock(file, operation)
        if says is not None:
            monkeypatch.setattr(os, "fstat", stale)

    def stale(_descriptor):
        monkeypatch.setattr(os, "fstat", fstat)
        raise OSError(says, os.strerror(says))

    async def content():
        yield b"whole"

    monkeypatch.setattr(fcntl, "flock", late)
    asyncio.run(blobs.put(blob_name("aa"), content()))
    assert (folder / "aa").read_bytes() == b"whole"
    assert files(folder) == ["aa"]


def test_stores_that_start_again_and_again_take_nothing_from_those_that_write(folder):
    blobs = FolderBlobs(folder)
    ended = threading.Event()

    def start_stores():
        while not ended.is_set():
            FolderBlobs(folder)

    with ThreadPoolExecutor(2) as pool:
        starting = [pool.submit(start_stores) for _ in range(2)]
        try:
            for _ in range(100):
                blobs.check()
        finally:
            ended.set()
        for each in starting:
            each.result()
    assert files(folder) == []


def test_a_blob_that_is_replaced_while_it_is_read_is_read_as_it_was(served):
    client, _, _ = served
    old, new = secrets.token_bytes(8_000_000), secrets.token_bytes(8_000_000)
    client.put("/blobs/aa", content=old)
    with client.stream("GET", "/blobs/aa") as answer:
        chunks = answer.iter_bytes()
        received = next(chunks)
        client.put("/blobs/aa", content=new)
        received += b"".join(chunks)
    assert received == old
    assert client.get("/blobs/aa").content == new


def test_racing_puts_of_one_name_leave_one_of_them_whole(served, tmp_path):
    client, _, _ = served
    contents = [bytes([number]) * 1_000_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: client.put("/blobs/aa", content=content), contents))
    assert client.get("/blobs/aa").content in contents
    assert files(tmp_path / "blobs") == ["aa"]


def files(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())
