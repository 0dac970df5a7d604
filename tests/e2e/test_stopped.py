"""A host or an enclave that stops answering without closing: the client's time names the phase."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from contextlib import contextmanager

import pytest
from websockets.sync.server import serve

from pycape import AsyncCape, Cape, Timeout, errors

from .conftest import exactly
from .tampering import AsyncHostileTransport, HostileTransport

SOON = 0.5


@pytest.fixture(params=["sync", "async"])
def run_within(request, alice, echo, tmp_path):
    """Run Alice's function within these limits, through a host with these means."""

    def run(data: bytes, limits: dict[str, float], **means) -> bytes:
        options = {"timeout": Timeout(**limits), "max_retries": 0}
        transport = HostileTransport(**means)
        with Cape(config_dir=tmp_path / "alice", transport=transport, **options) as cape:
            return cape.run(echo, None, data)

    async def run_async(data: bytes, limits: dict[str, float], **means) -> bytes:
        options = {"timeout": Timeout(**limits), "max_retries": 0}
        transport = AsyncHostileTransport(**means)
        async with AsyncCape(config_dir=tmp_path / "alice", transport=transport, **options) as cape:
            return await cape.run(echo, None, data)

    if request.param == "sync":
        return run
    return lambda *arguments, **means: asyncio.run(run_async(*arguments, **means))


@contextmanager
def expired(phase: str):
    with exactly(errors.TimeoutExpired) as raised:
        yield
    assert raised.value.phase == phase


@contextmanager
def stopped(pid: int):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def stopping(pid: int, is_time: Callable[[int, bytes], bool]):
    """Return a rewrite that stops a process at a message and changes nothing."""

    def rewrite(number: int, message: bytes) -> bytes:
        if is_time(number, message):
            os.kill(pid, signal.SIGSTOP)
        return message

    return rewrite


def test_the_runtime_stopped_before_a_connection(platform, run_within):
    with stopped(platform.enclave_pid), expired("connect"):
        run_within(b"x", {"connect": SOON})
    assert run_within(b"x", {}) == b"x"


def test_a_host_that_answers_and_never_attests(run_within):
    def say_nothing(connection) -> None:
        for _ in connection:
            pass

    with serve(say_nothing, "127.0.0.1", 0, subprotocols=["cape.v2"]) as host:
        thread = threading.Thread(target=host.serve_forever)
        thread.start()
        address = "ws://{}:{}/v2/session".format(*host.socket.getsockname())
        try:
            with expired("attest"):
                run_within(b"x", {"attest": SOON}, url=lambda url: f"{address}?{url}")
        finally:
            host.shutdown()
            thread.join()


@pytest.mark.parametrize(("size", "phase"), [(10, "request"), (5_000_000, "idle")])
def test_the_runtime_stopped_during_a_call(platform, run_within, size, phase):
    pid = platform.enclave_pid
    is_first = lambda number, _message: number == 0
    try:
        with expired(phase):
            run_within(bytes(size), {phase: SOON}, to_enclave=stopping(pid, is_first))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert platform.enclave_pid == pid
    assert run_within(bytes(size), {}) == bytes(size)


def test_the_runtime_stopped_during_its_answer(platform, run_within):
    pid = platform.enclave_pid
    is_data = lambda number, message: number > 0 and len(message) > 1 << 16
    try:
        with expired("idle"):
            run_within(bytes(5_000_000), {"idle": SOON}, to_client=stopping(pid, is_data))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert run_within(b"x", {}) == b"x"
