"""Whoever asks a host how it does is answered, also after a time in which nobody could be."""

import resource
import socket
import threading
from contextlib import contextmanager

import pytest

from pycape.errors import ConfigError
from pycape.host.status import SOCKET, HostStatus, StatusService, ask
from pycape.host.supervision import Supervision

STATUS = HostStatus(
    name="one",
    launcher="process",
    pid=1,
    draining=False,
    sessions=0,
    operate=0,
    enclaves=[],
    control_planes={},
)


@contextmanager
def no_more_descriptors():
    """This process has more than it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_time_without_descriptors_does_not_end_the_answers(tmp_path):
    first, second = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    with StatusService(tmp_path, lambda: STATUS), first, second:
        second.settimeout(0.5)
        with no_more_descriptors():
            # Who waits for a connection already has a descriptor for it: the first may be answered.
            for asking in (first, second):
                asking.connect(str(tmp_path / SOCKET))
            with pytest.raises(TimeoutError):
                second.recv(1)
        assert ask(tmp_path) == STATUS


def test_an_enclave_that_reports_without_descriptors_is_heard_afterwards(tmp_path):
    with Supervision(tmp_path, 1) as supervision, socket.socket(socket.AF_UNIX) as enclave:
        enclave.connect(str(tmp_path / "0"))
        with no_more_descriptors():
            supervision.forget(0)
        conversation = supervision.conversation(0, 30, threading.Event())
        enclave.sendall(b"here\n")
        assert conversation.line(30) == "here"
        conversation.close()


def test_a_second_agent_is_kept_off(tmp_path):
    first, second = StatusService(tmp_path, lambda: STATUS), StatusService(tmp_path, lambda: STATUS)
    with first, pytest.raises(ConfigError, match="an agent runs already"):
        second.__enter__()
    assert not (tmp_path / SOCKET).exists()
