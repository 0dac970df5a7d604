"""An agent and a booted image: a machine of QEMU's, its vsock, and the first program of the image.

`make image-test` builds what is booted, and says where it is.
"""

import hashlib
import hmac
import os
import signal
import threading
from pathlib import Path

import httpx
import pytest
from tests.e2e.processes import descendants, is_running, wait_until
from tests.host.hosts import Service, free_port, serve, status, toml

BUILT = ("CAPE_BOOT_QEMU", "CAPE_BOOT_IMAGES", "CAPE_BOOT_VSOCK_BACKEND")
BOOT_SECONDS = 300  # without KVM, and beside other work

pytestmark = pytest.mark.skipif(
    not any(name in os.environ for name in BUILT), reason="`make image-test` runs it"
)


def vault_id(secret: bytes) -> str:
    """HKDF-Expand with SHA-512, of which the first block is enough (RFC 5869, 2.3)."""
    return hmac.digest(secret, b"cape/2 vault id\x01", hashlib.sha512)[:32].hex()


def configuration(folder: Path) -> Path:
    qemu, built, backend = (os.environ[name] for name in BUILT)
    secret = bytes.fromhex((Path(built) / "vault.key").read_text().strip())
    guest = ["--socket", "{socket}", "--folder", "{folder}", "--guest-cid", "{cid}"]
    blobs = folder / "blobs"
    blobs.mkdir()
    path = folder / "booted.toml"
    path.write_text(
        toml(
            {
                "name": "booted",
                "launcher": "qemu",
                "url": f"ws://127.0.0.1:{free_port()}/v2/session",
                "vault": vault_id(secret),
                "run_dir": str(folder / "booted"),
                "blob_folder": str(blobs),
                "runtime_limits": {"workers": 7},
                "listen": {"sessions": 0, "enclaves": 0, "operate": 0},
                "image": {"file": str(Path(built) / "served.eif"), "memory_mib": 1024},
                "qemu": {
                    "program": qemu,
                    "backend": [backend, *guest],
                    "options": ["-accel", "tcg", "-cpu", "max", "-append", "reboot=t"],
                    "start_timeout_s": BOOT_SECONDS,
                },
            }
        )
    )
    return path


def test_a_booted_enclave_serves_is_started_again_and_ends_in_order(tmp_path):
    told = configuration(tmp_path)
    agent = Service(tmp_path, "booted", "host", "run", "--config", told)
    hung = threading.Timer(2 * BOOT_SECONDS, agent.process.kill)
    hung.start()
    try:
        [enclave] = serve(told, BOOT_SECONDS).enclaves
        assert enclave.slots == 7, "the host makes limits tighter"
        ready = httpx.get(f"http://127.0.0.1:{enclave.operate}/readyz", timeout=60).json()
        assert set(ready["checks"].values()) == {"ok"}, ready
        # Through the pipe of sessions the runtime itself answers what is no session.
        answer = httpx.get(f"http://127.0.0.1:{agent.data['sessions']}/", timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")

        os.kill(enclave.pid, signal.SIGKILL)
        wait_until(lambda: status(told).enclaves[0].starts == 2, BOOT_SECONDS)
        serve(told, BOOT_SECONDS)
        below = descendants(agent.process.pid)
        assert agent.end() == 0
        wait_until(lambda: not any(map(is_running, below)))
        log = agent.log_file.read_text()
        assert "reboot: Restarting system" in log, "the machine ended by itself"
        assert '"message": "stopping"' in log
    finally:
        hung.cancel()
        agent.kill()
