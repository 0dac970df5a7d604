"""Agents that are the store of their enclaves: a folder each, or one that they share."""

import errno
import os
import signal
import socket
import stat
import subprocess
from contextlib import ExitStack

import httpx
import pytest
from tests.e2e.processes import wait_until
from tests.host.hosts import CAPE, serve, status

from pycape import errors
from pycape.demo import echo_folder
from pycape.host.store import store


def with_folder(platform, name, folder):
    return platform.configuration(name, blobs=None, blob_folder=str(folder))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def held_upload(socket_path, size):
    """Begin to store a blob, and leave it at that."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(socket_path))
    head = f"PUT /blobs/aa HTTP/1.1\r\nHost: blobs\r\nContent-Length: {size}\r\n\r\n"
    connection.sendall(head.encode() + bytes(size // 2))
    return connection


@pytest.fixture
def shared(platform):
    """The folder of the control plane's own store, where it looks for what is registered."""
    return platform.state / "blobs"


def test_what_one_host_takes_in_another_serves_and_so_does_one_that_is_started_again(
    platform, agent, shared
):
    first = with_folder(platform, "first", shared)
    running = agent(first)
    serve(first)
    wait_until(lambda: platform.readiness() == "ok")
    with platform.client() as cape:
        function = cape.deploy(echo_folder(), name="shared")
        assert cape.run(function, None, b"here") == b"here"
    assert running.end() == 0
    wait_until(lambda: platform.readiness() == "no enclave is running")

    second = with_folder(platform, "second", shared)
    other = agent(second)
    serve(second)
    wait_until(lambda: platform.readiness() == "ok")
    with platform.client() as cape:
        assert cape.run(function, None, b"there") == b"there"
        later = cape.deploy(echo_folder(), name="later")
    again = agent(first)
    serve(first)
    assert other.end() == 0
    with platform.client() as cape:
        wait_until(lambda: platform.readiness() == "ok")
        assert cape.run(function, None, b"again") == b"again"
        assert cape.run(later, None, b"theirs") == b"theirs"
        cape.delete(later)
    assert not [name for name in files(shared) if name.startswith("incoming")]
    assert again.end() == 0


def test_a_folder_that_the_control_plane_does_not_see_registers_nothing(platform, agent, tmp_path):
    """As docs/operate/hosts.md says of a second machine: it stores, and cannot publish."""
    configuration = with_folder(platform, "apart", tmp_path)
    agent(configuration)
    serve(configuration)
    wait_until(lambda: platform.readiness() == "ok")
    with platform.client() as cape, pytest.raises(errors.Conflict, match="has taken in"):
        cape.deploy(echo_folder(), name="apart")
    assert {name[:2] for name in files(tmp_path)} == {"01", "02"}


def test_only_its_user_reaches_it_and_it_ends_after_the_enclaves(platform, agent, tmp_path):
    configuration = with_folder(platform, "reached", tmp_path)
    running = agent(configuration)
    serve(configuration)
    path = platform.folder / "reached" / "blobs.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    transport = httpx.HTTPTransport(uds=str(path))
    with httpx.Client(transport=transport, base_url="http://blobs") as client:
        assert client.put("/blobs/aa", content=b"kept").status_code == 204
        assert client.get("/blobs").json() == {"names": ["aa"]}
    [enclave] = status(configuration).enclaves
    os.kill(enclave.pid, signal.SIGSTOP)
    running.process.send_signal(signal.SIGTERM)
    wait_until(lambda: status(configuration).draining)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))  # an enclave that ends still has its store
    os.kill(enclave.pid, signal.SIGCONT)
    assert running.process.wait(60) == 0
    assert not path.exists()


def test_an_agent_that_is_killed_leaves_nothing_half_done(platform, agent, tmp_path):
    configuration = with_folder(platform, "halfway", tmp_path)
    running = agent(configuration)
    serve(configuration)
    path = platform.folder / "halfway" / "blobs.sock"
    with held_upload(path, 20_000_000):
        wait_until(lambda: len(files(tmp_path)) == 1)
        running.process.kill()
        running.process.wait()
    [half] = files(tmp_path)
    assert half.startswith("incoming/")
    again = agent(configuration)
    serve(configuration)
    assert files(tmp_path) == []
    assert again.end() == 0


def test_an_agent_that_starts_leaves_alone_what_another_is_writing(platform, agent, tmp_path):
    with ExitStack() as other:
        path = platform.folder / "elsewhere.sock"
        other.enter_context(store(tmp_path, path))
        connection = other.enter_context(held_upload(path, 20_000_000))
        wait_until(lambda: len(files(tmp_path)) == 1)
        configuration = with_folder(platform, "beside", tmp_path)
        running = agent(configuration)
        serve(configuration)
        connection.sendall(bytes(10_000_000))
        assert connection.recv(100).startswith(b"HTTP/1.1 204 ")
        assert running.end() == 0
    assert files(tmp_path) == ["aa"]
    assert (tmp_path / "aa").stat().st_size == 20_000_000


def test_a_blob_that_there_is_no_room_for_is_refused_and_told(platform, agent, small_disk):
    configuration = with_folder(platform, "full", small_disk)
    running = agent(configuration)
    serve(configuration)
    with platform.client() as cape:
        wait_until(lambda: platform.readiness() == "ok")
        (small_disk / "weight").write_bytes(bytes(free_bytes(small_disk)))
        with pytest.raises(errors.ServiceError):
            cape.deploy(echo_folder(), name="full")
    assert running.logged("a blob was not stored") >= 1
    assert files(small_disk) == ["weight"]
    assert running.end() == 0
    code, told = refused(configuration)
    assert code == 1, "it may pass: the service manager tries again"
    assert f"nothing can be stored in {small_disk}: no space left on device" in told
    assert "make room there" in told
    assert files(small_disk) == ["weight"]


def free_bytes(folder):
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@pytest.fixture
def small_disk(mounted):
    return mounted("size=2m,mode=700")


def refused(configuration):
    done = subprocess.run(
        [*CAPE, "host", "run", "--config", str(configuration)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, " ".join(done.stderr.split())


def test_a_folder_that_is_missing_or_none_is_refused_and_not_made(platform, tmp_path):
    (tmp_path / "file").touch()
    for name, hint in {"missing": "mount it", "file": "is a file", "file/in": "is a file"}.items():
        configuration = with_folder(platform, "nowhere", tmp_path / name)
        code, told = refused(configuration)
        assert code == 78
        assert f"there is no folder {tmp_path / name}" in told
        assert hint in told
    assert files(tmp_path) == ["file"]
    assert not (tmp_path / "missing").exists()


def test_a_folder_that_is_mounted_to_be_read_is_refused(platform, mounted):
    folder = mounted("ro")
    code, told = refused(with_folder(platform, "read-only", folder))
    assert code == 78
    assert f"nothing can be stored in {folder}: read-only file system" in told
    assert "ReadWritePaths=" in told


@pytest.mark.parametrize(
    ("number", "hint"), [("ENOLCK", "with locks"), ("EACCES", "ls -ld")], ids=lambda it: it
)
def test_a_folder_of_another_or_without_locks_is_refused(tmp_path, monkeypatch, number, hint):
    def fail(*_):
        code = getattr(errno, number)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("pycape.server.blobs.fcntl.flock", fail)
    with (
        pytest.raises(errors.ConfigError, match="nothing can be stored") as raised,
        store(tmp_path, tmp_path / "socket"),
    ):
        pass
    assert hint in raised.value.hint
    assert files(tmp_path) == []
