"""SIGKILL at the worst moments: clear errors, nothing half-registered, nothing left behind."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from pycape import Cape, errors
from pycape.demo import echo_folder
from pycape.local import LocalPlatform

from .conftest import exactly, hostile, user
from .processes import descendants, is_running, kill_enclave, restart_enclave, wait_until
from .tampering import HostileTransport

SLEEPER = "import time\ndef cape_handler(i):\n    yield b'begun'\n    time.sleep(600)"


def test_the_runtime_killed_in_the_middle_of_a_run(own_platform, tmp_path, folder_of):
    with user(own_platform, tmp_path / "alice", max_retries=5) as alice:
        echo = alice.deploy(echo_folder(), name="echo")
        sleeper = alice.deploy(folder_of(SLEEPER), name="sleeper")
        with in_the_middle_of(sleeper, tmp_path / "alice") as outcome:
            below = kill_enclave(own_platform)
        assert [type(error) for error in outcome] == [errors.StreamTruncated]
        assert outcome[0].hint
        wait_until(lambda: not any(map(is_running, below)))
        wait_until(lambda: own_platform.enclave_pid is not None)
        assert alice.run(echo, None, b"still there") == b"still there"


@pytest.mark.parametrize("last", [1, 10], ids=["at its beginning", "in its middle"])
def test_the_runtime_killed_in_the_middle_of_a_deploy(own_platform, tmp_path, folder_of, last):
    folder = folder_of("def cape_handler(i): return i")
    (folder / "weights.bin").write_bytes(os.urandom(8_000_000))
    below = set()

    def kill_at_last(number: int, message: bytes) -> bytes:
        if number == last:
            below.update(kill_enclave(own_platform))
        return message

    with user(own_platform, tmp_path / "alice", max_retries=5) as alice:
        before = alice.deploy(echo_folder(), name="before")
        stored = files_of(own_platform.state.blobs)
        with (
            hostile(own_platform, tmp_path / "alice", to_enclave=kill_at_last) as unlucky,
            exactly(errors.StreamTruncated),
        ):
            unlucky.deploy(folder, name="half")

        assert [manifest.name for manifest in alice.functions()] == ["before"]
        wait_until(lambda: files_of(own_platform.state.blobs) == stored)
        wait_until(lambda: not any(map(is_running, below)))
        assert alice.run(before, None, b"x") == b"x"
        half = alice.deploy(folder, name="half")
        assert alice.run(half, None, b"x") == b"x"


def test_a_deploy_that_its_client_gives_up_leaves_nothing(own_platform, tmp_path, folder_of):
    folder = folder_of("def cape_handler(i): return i")
    (folder / "weights.bin").write_bytes(os.urandom(8_000_000))
    give_up = lambda number, message: None if number == 10 else message
    with user(own_platform, tmp_path / "alice") as alice:
        before = alice.deploy(echo_folder(), name="before")
        stored = files_of(own_platform.state.blobs)
        with (
            hostile(own_platform, tmp_path / "alice", to_enclave=give_up) as leaving,
            exactly(errors.StreamTruncated),
        ):
            leaving.deploy(folder, name="half")
        wait_until(lambda: files_of(own_platform.state.blobs) == stored)
        assert [manifest.name for manifest in alice.functions()] == ["before"]
        assert alice.run(before, None, b"x") == b"x"


def test_the_whole_platform_killed_in_the_middle_of_a_run(tmp_path, folder_of):
    """What was deployed is there when it starts again; until then calls say that nobody answers.

    The enclave is asked to end by that, and tells the caller so when the call takes too long.
    """
    with (
        platform_process(tmp_path) as (process, enclave_pid),
        Cape(config_dir=tmp_path / "config") as alice,
    ):
        echo = alice.deploy(echo_folder(), name="echo")
        ciphertext = alice.encrypt(b"from before")
        sleeper = alice.deploy(folder_of(SLEEPER), name="sleeper")
        with in_the_middle_of(sleeper, tmp_path / "config") as outcome:
            family = {enclave_pid} | descendants(enclave_pid)
            process.kill()
        assert [type(error) for error in outcome] == [errors.ServiceError]
        wait_until(lambda: not any(map(is_running, family)))
        with exactly(errors.ConnectFailed, match="no answer from"):
            alice.with_options(max_retries=0).run(echo, None, b"x")
    with platform_process(tmp_path), Cape(config_dir=tmp_path / "config") as alice:
        assert alice.run(echo, None, ciphertext) == b"from before"
        assert len(alice.functions()) == 2


def test_the_whole_platform_killed_in_the_middle_of_a_deploy(tmp_path, folder_of):
    folder = folder_of("def cape_handler(i): return i")
    (folder / "weights.bin").write_bytes(os.urandom(8_000_000))
    with platform_process(tmp_path) as (process, enclave_pid):
        with Cape(config_dir=tmp_path / "config") as alice:
            echo = alice.deploy(echo_folder(), name="echo")
        kill = lambda number, message: process.kill() if number == 10 else message
        with (
            Cape(
                config_dir=tmp_path / "config", transport=HostileTransport(to_enclave=kill)
            ) as alice,
            exactly(errors.StreamTruncated),
        ):
            alice.deploy(folder, name="half")
        wait_until(lambda: not is_running(enclave_pid))
    with platform_process(tmp_path), Cape(config_dir=tmp_path / "config") as alice:
        assert [manifest.name for manifest in alice.functions()] == ["echo"]
        assert alice.run(echo, None, b"x") == b"x"
        blobs = files_of(tmp_path / "data" / "local" / "blobs")
        assert {name.name for name in blobs} == {f"{kind}{echo.checksum}" for kind in ("01", "02")}


def test_a_worker_killed_costs_only_its_own_call(own_platform, tmp_path, folder_of):
    tell = folder_of(
        """
        import os, time
        def cape_handler(i):
            if i: time.sleep(30)
            return str(os.getpid())
        """
    )
    with user(own_platform, tmp_path / "alice") as alice:
        ref = alice.deploy(tell, name="tell")
        with alice.function_context(ref, None) as function:
            function.invoke(b"")
            workers = set()

            def kill_workers() -> bool:
                # Those that the call has not reached yet are replaced, and their successors killed.
                for worker in descendants(own_platform.enclave_pid):
                    workers.add(worker)
                    with suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)
                return bool(outcome)

            with collected(lambda: function.invoke(b"sleep")) as outcome:
                wait_until(kill_workers)
            assert [type(error) for error in outcome] == [errors.FunctionCrashed]
            assert outcome[0].signal == signal.SIGKILL
            wait_until(lambda: not any(is_running(worker) for worker in workers))
            assert function.invoke(b"")


def test_the_operators_addresses_stay_when_the_enclave_is_restarted(own_platform):
    before = own_platform.enclave_url
    assert answers(before)
    for _ in range(2):
        restart_enclave(own_platform)
        wait_until(lambda: answers(before))
    assert own_platform.enclave_url == before


def answers(enclave_url: str) -> bool:
    try:
        return all(httpx.get(enclave_url + path).is_success for path in ("/readyz", "/metrics"))
    except httpx.TransportError:
        return False


def test_functions_survive_a_restart_of_the_platform(tmp_path):
    folders = {"data_folder": tmp_path / "data", "config_folder": tmp_path / "config", "port": 0}
    with LocalPlatform(**folders) as platform, user(platform, tmp_path / "alice") as alice:
        ref = alice.deploy(echo_folder(), name="echo")
        ciphertext = alice.encrypt(b"from before")
        pids = {platform.enclave_pid} | descendants(platform.enclave_pid)
    wait_until(lambda: not any(is_running(pid) for pid in pids))
    with LocalPlatform(**folders) as platform, user(platform, tmp_path / "alice") as alice:
        assert alice.run(ref, None, ciphertext) == b"from before"


@contextmanager
def in_the_middle_of(function, config_dir: Path, data=b"x"):
    """Call a function meanwhile that says when it has begun, which it has on entry.

    The list gets what the call returned or raised.
    """
    answered = threading.Event()
    tell = HostileTransport(
        to_client=lambda number, message: (number and answered.set()) or message
    )
    with (
        Cape(config_dir=config_dir, transport=tell, max_retries=0) as cape,
        collected(lambda: cape.call(function, None, data).output) as outcome,
    ):
        assert answered.wait(60)
        yield outcome


@contextmanager
def collected(call):
    """Make a call in a thread; the list gets what it returned or raised, at most 60 s later."""
    outcome = []

    def collect() -> None:
        try:
            outcome.append(call())
        except errors.CapeError as error:
            outcome.append(error)

    thread = threading.Thread(target=collect)
    thread.start()
    yield outcome
    thread.join(60)
    assert not thread.is_alive()


def files_of(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


PLATFORM = """
import sys
from pathlib import Path
from pycape.local import LocalPlatform
folder = Path(sys.argv[1])
platform = LocalPlatform(data_folder=folder / "data", config_folder=folder / "config", port=0)
platform.run(lambda platform: print(platform.enclave_pid, flush=True))
"""


@contextmanager
def platform_process(folder: Path):
    """A platform in a process of its own, and the number of its enclave's."""
    process = subprocess.Popen(
        [sys.executable, "-c", PLATFORM, folder], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
