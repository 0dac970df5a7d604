"""Whoever asks a host how it does is answered, also after a time in which nobody could be."""

import socket
import threading
from types import SimpleNamespace

import msgspec
import pytest
from tests.e2e.processes import no_more_descriptors

from pycape.cli import _host_agent
from pycape.errors import ConfigError
from pycape.host.agent import Started
from pycape.host.data_path import Ports
from pycape.host.status import SOCKET, EnclaveStatus, HostStatus, StatusService, ask
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


def test_a_folder_that_cannot_be_used_is_said(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "used").mkdir(mode=0o700)
    (tmp_path / "used" / "lock").mkdir()
    for folder in (tmp_path / "file" / "run", tmp_path / "used"):
        service = StatusService(folder, lambda: STATUS)
        with pytest.raises(ConfigError, match="cannot be used") as raised:
            service.__enter__()
        assert raised.value.hint == "run_dir names another folder"


@pytest.mark.parametrize("mode", [0o755, 0o1777, 0o710])
def test_a_folder_of_everybody_is_refused_and_stays_as_it_is(tmp_path, mode):
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ConfigError, match="is open to other users") as raised:
        StatusService(folder, lambda: STATUS).__enter__()
    assert f"`chmod 700 {folder}`" in raised.value.hint
    assert folder.stat().st_mode & 0o7777 == mode
    assert not [*folder.iterdir()]


def test_a_folder_that_is_missing_is_made_for_the_agent_alone(tmp_path):
    folder = tmp_path / "new" / "run"
    with StatusService(folder, lambda: STATUS):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_what_an_enclave_lacks_is_shown_beside_it():
    lacks = EnclaveStatus(
        number=0,
        state="not ready",
        pid=2,
        starts=1,
        operate=9464,
        slots=0,
        calls=0,
        failed_checks=["blobs", "workers"],
        failure=None,
    )
    found = msgspec.structs.replace(STATUS, enclaves=[lacks])
    assert _host_agent._as_text(found).splitlines()[1] == "  enclave 0  not ready  blobs, workers"
    assert _host_agent._as_json(found)["enclaves"][0]["failed_checks"] == ["blobs", "workers"]


def test_what_a_host_that_starts_says_is_in_columns():
    shown = []
    context = SimpleNamespace(result=lambda _data, text, _quiet: shown.append(text))
    _host_agent._announce(context, "one", Started(Ports(8971, 9470, [9464, 9465])))
    lines = shown[0].splitlines()
    assert lines[-1].endswith("  127.0.0.1:9464, 127.0.0.1:9465")
    assert {
        line.index(value) for line, value in zip(lines, ("one", *["127."] * 3), strict=True)
    } == {13}
