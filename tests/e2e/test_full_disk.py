"""A host whose disk is full, or whose database is locked: told, and over when that is."""

import os
import resource
import sqlite3
from contextlib import contextmanager

import pytest

from pycape import Cape, errors
from pycape.demo import echo_folder
from pycape.local import LocalPlatform
from pycape.server.records import engine

from .chaos import Host
from .conftest import exactly, user


@pytest.fixture
def host(tmp_path):
    with Host(tmp_path) as host:
        yield host


@pytest.fixture
def alice(host):
    with Cape(config_dir=host.config, max_retries=0) as alice:
        yield alice


@contextmanager
def full(pid: int, size: int):
    """Let no file of a process grow beyond a size, and none be written behind it."""
    _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))


def test_a_full_store_refuses_a_deploy_and_keeps_nothing_of_it(host, alice, folder_of):
    large = folder_of("def cape_handler(i): return i")
    (large / "weights.bin").write_bytes(os.urandom(8_000_000))
    echo = alice.deploy(echo_folder(), name="echo")
    stored = files_of(host)
    with full(host.pid, 1 << 20):
        for _ in range(3):
            with exactly(errors.ServiceError, match="store"):
                alice.deploy(large, name="large")
        assert files_of(host) == stored
        assert alice.run(echo, None, b"x") == b"x"
    assert [manifest.name for manifest in alice.functions()] == ["echo"]
    assert alice.run(alice.deploy(large, name="large"), None, b"x") == b"x"


def test_a_store_that_is_full_when_the_manifest_comes_has_no_function(host, alice):
    """Not a byte can be written; the bundle, which comes first, is no function."""
    with full(host.pid, 0), exactly(errors.ServiceError, match="store answered with 507"):
        alice.deploy(echo_folder(), name="echo")
    assert files_of(host) == set()
    assert alice.functions() == []
    assert alice.run(alice.deploy(echo_folder(), name="echo"), None, b"x") == b"x"


def test_records_that_cannot_be_written_are_told_and_still_read(host, alice):
    echo = alice.deploy(echo_folder(), name="echo")
    token = alice.create_token(echo)
    with full(host.pid, 0):
        with exactly(errors.Overloaded, match="records") as refusal:
            alice.revoke(tokens=[token])
        assert refusal.value.retry_after is not None
        assert [manifest.name for manifest in alice.functions()] == ["echo"]
        assert alice.run(echo, token, b"x") == b"x"
    assert alice.revoke(tokens=[token]) == 1
    assert alice.run(alice.deploy(echo_folder(), name="again"), None, b"x") == b"x"


def test_a_database_that_somebody_locks_is_told_and_still_read(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 200)
    folders = {"data_folder": tmp_path / "data", "config_folder": tmp_path / "config", "port": 0}
    with LocalPlatform(**folders) as platform, user(platform, tmp_path / "alice") as alice:
        impatient = alice.with_options(max_retries=0)
        before = alice.deploy(echo_folder(), name="before")
        with locked(platform.state.records):
            with exactly(errors.Overloaded, match="records") as refusal:
                impatient.deploy(echo_folder(), name="late")
            assert refusal.value.retry_after is not None
            assert impatient.run(before, None, b"x") == b"x"
            assert [manifest.name for manifest in impatient.functions()] == ["before"]
        late = impatient.deploy(echo_folder(), name="late")
        assert impatient.run(late, None, b"x") == b"x"
        assert len(impatient.functions()) == 2


@contextmanager
def locked(database):
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def files_of(host: Host) -> set[str]:
    return {str(path) for path in host.blobs.rglob("*") if path.is_file()}
