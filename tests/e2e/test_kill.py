"""SIGKILL at the worst moments: clear errors, nothing half-registered, nothing left behind."""

import os
import signal
import threading
import time
from contextlib import suppress

import pytest

from pycape import errors
from pycape.demo import echo_folder

from .conftest import user
from .processes import descendants, is_running, kill_enclave, wait_until
from .tampering import HostileTransport


def test_the_runtime_killed_in_the_middle_of_a_run(own_platform, tmp_path, folder_of):
    sleeper = folder_of("import time\ndef cape_handler(i): time.sleep(30)")
    with user(own_platform, tmp_path / "alice", max_retries=5) as alice:
        echo = alice.deploy(echo_folder(), name="echo")
        ref = alice.deploy(sleeper, name="sleeper")
        outcome = []

        def call() -> None:
            try:
                alice.with_options(max_retries=0).run(ref, None, b"x")
            except errors.CapeError as error:
                outcome.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        time.sleep(2)
        below = kill_enclave(own_platform)
        thread.join(30)
        assert [type(error) for error in outcome] == [errors.StreamTruncated]
        wait_until(lambda: not any(is_running(pid) for pid in below))
        wait_until(lambda: own_platform.enclave_pid is not None)
        assert alice.run(echo, None, b"still there") == b"still there"


def test_the_runtime_killed_in_the_middle_of_a_deploy(own_platform, tmp_path, folder_of):
    folder = folder_of("def cape_handler(i): return i")
    (folder / "weights.bin").write_bytes(os.urandom(8_000_000))
    with user(own_platform, tmp_path / "alice", max_retries=5) as alice:
        before = alice.deploy(echo_folder(), name="before")
        blobs = set(own_platform.state.blobs.iterdir())

        def kill_at_tenth(number: int, message: bytes) -> bytes:
            if number == 10:
                kill_enclave(own_platform)
            return message

        with (
            user(
                own_platform,
                tmp_path / "alice",
                transport=HostileTransport(to_enclave=kill_at_tenth),
                max_retries=0,
            ) as unlucky,
            pytest.raises(errors.TransportError),
        ):
            unlucky.deploy(folder, name="half")

        assert {manifest.name for manifest in alice.functions()} == {"before"}
        assert not [
            b for b in set(own_platform.state.blobs.iterdir()) - blobs if b.name.startswith("02")
        ]
        wait_until(lambda: own_platform.enclave_pid is not None)
        assert alice.run(before, None, b"x") == b"x"
        half = alice.deploy(folder, name="half")
        assert alice.run(half, None, b"x") == b"x"


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
            workers = descendants(own_platform.enclave_pid)
            outcome = []

            def call() -> None:
                try:
                    function.invoke(b"sleep")
                except errors.CapeError as error:
                    outcome.append(error)

            thread = threading.Thread(target=call)
            thread.start()
            time.sleep(1)
            for worker in workers:
                # One that only compiled may have ended by itself.
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            thread.join(30)
            assert [type(error) for error in outcome] == [errors.FunctionCrashed]
            assert outcome[0].signal == signal.SIGKILL
            wait_until(lambda: not any(is_running(worker) for worker in workers))
            assert function.invoke(b"")


def test_functions_survive_a_restart_of_the_platform(tmp_path):
    from pycape.local import LocalPlatform

    folders = {"data_folder": tmp_path / "data", "config_folder": tmp_path / "config", "port": 0}
    with LocalPlatform(**folders) as platform, user(platform, tmp_path / "alice") as alice:
        ref = alice.deploy(echo_folder(), name="echo")
        ciphertext = alice.encrypt(b"from before")
        pids = {platform.enclave_pid} | descendants(platform.enclave_pid)
    wait_until(lambda: not any(is_running(pid) for pid in pids))
    with LocalPlatform(**folders) as platform, user(platform, tmp_path / "alice") as alice:
        assert alice.run(ref, None, ciphertext) == b"from before"
