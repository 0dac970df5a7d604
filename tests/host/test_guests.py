"""Enclaves that are machines: all their bytes pass by the sockets of a guest.

The machine is a stand-in; the runtime in it, the data path and the agent are the real ones.
"""

import json
import os
import signal
from pathlib import Path

import httpx
import pytest
from tests.e2e.processes import children, descendants, is_running, wait_until
from tests.host.hosts import image_in, serve, status

from pycape.demo import echo_folder
from pycape.local.enclave_program import EnclaveProgram

STAND_INS = Path(__file__).with_name("stand_ins")


@pytest.fixture
def guests(platform):
    """Write what a host of such machines is told."""

    def configuration(name: str, **changes: object) -> Path:
        image = image_in(platform.folder)
        program = EnclaveProgram.find()
        runtime = [
            str(program.binary),
            "serve",
            *("--settings", str(platform.state / "settings.toml")),
            *("--python", str(program.python)),
            *("--nsm", str(platform.state / "nsm")),
            *("--vault-key", str(platform.state / "vault.key")),
            *("--listen", "127.0.0.1:0", "--operate", "127.0.0.1:0"),
        ]
        qemu = {
            "program": str(STAND_INS / "qemu"),
            "backend": [str(STAND_INS / "vsock-backend"), "{socket}", "{cid} in {folder}"],
            "options": [json.dumps(runtime)],
            "start_timeout_s": 60,
        }
        told = {"launcher": "qemu", "qemu": qemu, "image": {"file": str(image), "memory_mib": 64}}
        path = platform.configuration(name, **told, **changes)
        text = path.read_text()
        before, _, after = text.partition("\n[process]\n")
        path.write_text(before + "\n" + after.partition("\n\n")[2])
        return path

    return configuration


def test_a_function_is_deployed_and_run_in_a_guest(platform, agent, guests):
    configuration = guests("guest")
    running = agent(configuration)
    [enclave] = serve(configuration).enclaves
    wait_until(lambda: platform.readiness() == "ok")
    with platform.client() as cape:
        function = cape.deploy(echo_folder(), name="guest")
        large = bytes(range(256)) * (1 << 14)
        assert cape.run(function, None, large) == large
    metrics = httpx.get(f"http://127.0.0.1:{running.data['operate']}/metrics").text
    for pipe in ("blobs", "operate", "sessions"):
        moved = f'cape_host_moved_bytes_total{{pipe="{pipe}",direction="from_enclave"}} '
        assert float(metrics.partition(moved)[2].split()[0]) > 100
    assert 'cape_host_connections{pipe="supervision"} 1\n' in metrics
    log = running.log_file.read_text()
    assert '"program": "qemu"' in log
    assert "16 in " in log, "the backend was told the CID"
    assert '"message": "ready"' in log, "what the runtime logs comes by supervision"
    below = descendants(running.process.pid)
    assert enclave.pid in below
    assert running.end() == 0
    wait_until(lambda: not any(map(is_running, below)))


def is_backend(pid: int, guest: int) -> bool:
    command = Path(f"/proc/{pid}/cmdline").read_text()
    return "vsock-backend" in command and f"/guests/{guest}/" in command


def test_a_guest_that_dies_is_started_again_and_serves(platform, agent, guests):
    configuration = guests("dies", enclaves=2)
    running = agent(configuration)
    before = serve(configuration).enclaves
    wait_until(lambda: platform.readiness() == "ok")
    with platform.client() as cape:
        function = cape.deploy(echo_folder(), name="dies")
        [runtime] = children(before[0].pid)
        [backend] = [pid for pid in children(running.process.pid) if is_backend(pid, guest=0)]
        os.kill(before[0].pid, signal.SIGKILL)
        os.kill(runtime, signal.SIGKILL)
        assert cape.run(function, None, b"the other") == b"the other"
        wait_until(lambda: status(configuration).enclaves[0].starts == 2)
        assert not is_running(backend)
        serve(configuration)
        assert cape.run(function, None, b"again") == b"again"
    assert status(configuration).enclaves[1].starts == 1


def test_a_guest_that_refuses_says_why_in_the_log(platform, agent, guests):
    configuration = guests("refuses", vault="ab" * 32)
    running = agent(configuration)
    wait_until(lambda: running.logged("enclave did not start") > 0)
    assert "the enclave: " in running.log_file.read_text()
    assert "vault" in running.log_file.read_text()
