"""A platform that is stopped: calls under way end, new ones are refused, and both are told."""

import os
import signal
import threading
from contextlib import contextmanager

import pytest

from pycape import Cape, errors
from pycape.demo import echo_folder

from .conftest import user
from .processes import descendants, is_running, wait_until
from .tampering import HostileTransport
from .test_kill import SLEEPER, in_the_middle_of

PATIENT = """
def cape_handler(context):
    yield b"begun"
    context.input.read()
    yield b" and done"
"""


@pytest.fixture
def alice(own_platform, tmp_path):
    with user(own_platform, tmp_path / "alice", max_retries=20) as alice:
        yield alice


@pytest.fixture
def echo(alice):
    return alice.deploy(echo_folder(), name="echo")


@pytest.fixture
def patient(alice, folder_of):
    return alice.deploy(folder_of(PATIENT), name="patient")


def test_a_call_of_some_seconds_ends_while_the_platform_stops(
    own_platform, alice, echo, patient, tmp_path
):
    family = {own_platform.enclave_pid} | descendants(own_platform.enclave_pid)
    stopping = threading.Thread(target=own_platform.stop)
    impatient = alice.with_options(max_retries=0)
    with alice.function_context(echo, None) as open_before:
        assert open_before.invoke(b"x") == b"x"
        with begun(patient, tmp_path / "alice") as call:
            stopping.start()
            wait_until(lambda: refuses(lambda: impatient.run(echo, None, b"x")))
            wait_until(lambda: refuses(lambda: open_before.invoke(b"x")))
        assert call == [b"begun and done"]
    stopping.join(60)
    wait_until(lambda: not any(map(is_running, family)))


def test_an_enclave_that_somebody_else_stops_is_replaced_behind_its_last_call(
    own_platform, alice, echo, patient, tmp_path
):
    stopped = own_platform.enclave_pid
    impatient = alice.with_options(max_retries=0)
    with begun(patient, tmp_path / "alice") as call:
        os.kill(stopped, signal.SIGTERM)
        wait_until(lambda: refuses(lambda: impatient.run(echo, None, b"x")))
    assert call == [b"begun and done"]
    wait_until(lambda: own_platform.enclave_pid != stopped)
    assert alice.run(echo, None, b"by the next one") == b"by the next one"


def test_a_call_that_takes_longer_is_told_so(own_platform, alice, folder_of, tmp_path):
    sleeper = alice.deploy(folder_of(SLEEPER), name="sleeper")
    with in_the_middle_of(sleeper, tmp_path / "alice") as call:
        os.kill(own_platform.enclave_pid, signal.SIGTERM)
    [error] = call
    assert type(error) is errors.ServiceError
    assert "stopped before the call was over" in str(error)
    assert error.receipt.outcome == "ServiceError"


def test_a_client_that_was_sent_there_before_is_told_by_the_enclave(
    own_platform, alice, echo, patient, tmp_path
):
    address = own_platform._placement.place(None).url
    old_address = HostileTransport(url=lambda url: f"{address}?{url.partition('?')[2]}")
    with (
        Cape(config_dir=tmp_path / "alice", transport=old_address, max_retries=0) as late,
        begun(patient, tmp_path / "alice") as call,
    ):
        os.kill(own_platform.enclave_pid, signal.SIGTERM)
        wait_until(lambda: own_platform._placement.place(None) is None)
        own_platform._placement.register(address)
        with pytest.raises(errors.Overloaded, match="is being stopped"):
            late.run(echo, None, b"x")
    assert call == [b"begun and done"]


@contextmanager
def begun(function, config_dir):
    """Make a call meanwhile, which goes on until the block ends. The list gets what comes of it."""
    ended = threading.Event()

    def lasting():
        yield b"some"
        while not ended.wait(0.05):
            yield b" more"

    with in_the_middle_of(function, config_dir, lasting()) as outcome:
        try:
            yield outcome
        finally:
            ended.set()


def refuses(call) -> bool:
    """Whether it is told that nothing new begins now; any other error is wrong.

    A connection that is at its very beginning, or without a call, is closed with the code 1001.
    """
    try:
        call()
    except errors.Overloaded:
        return True
    except errors.ConnectFailed as error:
        assert "1001" in str(error)
        return True
    return False
