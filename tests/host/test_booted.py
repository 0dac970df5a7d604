"""An agent and a booted image: a machine of QEMU's, its vsock, and the first program of the image.

`make image-test` builds what is booted, and says where it is.
"""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.e2e.kms import Kms
from tests.e2e.processes import descendants, is_running, wait_until
from tests.host.hosts import CAPE, Service, serve, status, toml
from tests.ports import free_port

from pycape import policy
from pycape._profile import Profile
from pycape.cli._main import run
from pycape.host import birth
from pycape.host.configuration import load
from pycape.host.data_path import BINARY, BINARY_VARIABLE
from pycape.host.status import EnclaveStatus
from pycape.local.enclave_program import find_program

BUILT = ("CAPE_BOOT_QEMU", "CAPE_BOOT_IMAGES", "CAPE_BOOT_VSOCK_BACKEND", "CAPE_BOOT_KMS")
BOOT_SECONDS = 300  # without KVM, and beside other work
REFUSED = 77  # of an attestation
URL = "https://cape.example.org"
PLATFORM = "x86_64-manylinux_2_36"

pytestmark = pytest.mark.skipif(
    not any(name in os.environ for name in BUILT), reason="`make image-test` runs it"
)


def vault_id(secret: bytes) -> str:
    """HKDF-Expand with SHA-512, of which the first block is enough (RFC 5869, 2.3)."""
    return hmac.digest(secret, b"cape/2 vault id\x01", hashlib.sha512)[:32].hex()


def configuration(folder: Path, image: str, **changes: object) -> Path:
    qemu, built, backend, _ = (os.environ[name] for name in BUILT)
    guest = ["--socket", "{socket}", "--folder", "{folder}", "--guest-cid", "{cid}"]
    blobs = folder / "blobs"
    blobs.mkdir(exist_ok=True)
    path = folder / "booted.toml"
    path.write_text(
        toml(
            {
                "name": "booted",
                "launcher": "qemu",
                "url": f"ws://127.0.0.1:{free_port()}/v2/session",
                "run_dir": str(folder / "booted"),
                "blob_folder": str(blobs),
                "listen": {"sessions": 0, "enclaves": 0, "operate": 0},
                "image": {"file": f"{built}/{image}.eif", "memory_mib": 1024},
                "qemu": {
                    "program": qemu,
                    "backend": [backend, *guest],
                    "options": ["-accel", "tcg", "-cpu", "max", "-append", "reboot=t"],
                    "start_timeout_s": BOOT_SECONDS,
                },
                **changes,
            }
        )
    )
    return path


@contextmanager
def running(folder: Path, told: Path):
    """The agent, which does not outlive what is asked of it."""
    agent = Service(folder, "booted", "host", "run", "--config", told)
    hung = threading.Timer(2 * BOOT_SECONDS, agent.process.kill)
    hung.start()
    try:
        yield agent
    finally:
        hung.cancel()
        agent.kill()


def test_a_booted_enclave_serves_is_started_again_and_ends_in_order(tmp_path):
    secret = (Path(os.environ["CAPE_BOOT_IMAGES"]) / "vault.key").read_text().strip()
    vault = vault_id(bytes.fromhex(secret))
    told = configuration(tmp_path, "served", vault=vault, runtime_limits={"workers": 7})
    with running(tmp_path, told) as agent:
        [enclave] = serve(told, BOOT_SECONDS).enclaves
        assert enclave.slots == 7, "the host makes limits tighter"
        assert_ready(enclave)
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


def assert_ready(enclave: EnclaveStatus) -> None:
    ready = httpx.get(f"http://127.0.0.1:{enclave.operate}/readyz", timeout=60).json()
    assert set(ready["checks"].values()) == {"ok"}, ready


@pytest.fixture
def kms(tmp_path, monkeypatch):
    """KMS, to which the pipe of hosts leads that are told KMS's real name."""
    authority = Path(os.environ["CAPE_BOOT_IMAGES"]) / "kms-root.key"
    kms = Kms(Path(os.environ["CAPE_BOOT_KMS"]), authority)
    kms.insecure_sign_refused()
    for name, value in kms.reached["credentials"].items():
        monkeypatch.setenv(f"AWS_{name.upper()}", value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    real = find_program(BINARY, BINARY_VARIABLE)
    leads_here = tmp_path / BINARY
    leads_here.write_text(f'#!/bin/sh\nexec "{real}" "$@" --kms 127.0.0.1:{kms.reached["port"]}\n')
    leads_here.chmod(0o700)
    monkeypatch.setenv(BINARY_VARIABLE, str(leads_here))
    yield kms
    kms.end()


def test_the_vault_that_kms_keeps_is_made_in_one_machine_and_opened_in_another(
    tmp_path, monkeypatch, capfd, kms
):
    """Nobody has signed the birth document here: the command refuses it and keeps nothing.

    What the enclave has said is then judged as if it were signed, and a host goes on with that.
    """
    built = Path(os.environ["CAPE_BOOT_IMAGES"])
    key_policy = json.loads((built / "kms-old.policy.json").read_text())
    assert kms.tell(policy=key_policy) == 0
    ask_an_enclave, born = birth._ask_an_enclave, []

    def ask_and_note(*asked):
        born.append(ask_an_enclave(*asked))
        return born[-1]

    monkeypatch.setattr(birth, "_ask_an_enclave", ask_and_note)
    wrapped, profile, releases = (
        tmp_path / name for name in ("vault.wrapped", "platform.toml", "policy.toml")
    )
    section = {
        "region": kms.reached["region"],
        "endpoint": kms.reached["endpoint"],
        "key_id": kms.reached["key"],
        "wrapped_file": str(wrapped),
        "credentials": "environment",
    }
    pinned = [*CAPE, "image", "policy", str(built / "kms-old.eif")]
    releases.write_bytes(subprocess.run(pinned, stdout=subprocess.PIPE, check=True).stdout)
    told = configuration(tmp_path, "kms-old", kms=section)
    words = ("--config", told, "--policy", releases, "--control", URL, "-o", profile)
    assert run(["host", "create-vault", *map(str, words)]) == REFUSED
    log = capfd.readouterr().err
    assert "error: attestation document out of form: the protected header" in log
    assert kms.tell(policy=key_policy) == 2, "it was opened once before it was told of"
    assert not wrapped.exists()
    assert not profile.exists()

    [unsigned] = born
    signed = msgspec.structs.replace(unsigned, birth=kms.insecure_sign(unsigned.birth))
    monkeypatch.setattr(birth, "_ask_an_enclave", lambda *_: signed)
    roots = (base64.b64decode(kms.reached["insecure_root"]),)
    wish = birth.Wish("cape", URL, policy.load(releases).releases, "3.11", PLATFORM, roots)
    kept: list[Profile] = []
    made = birth.create_vault(load(told, unborn=True), wish, kept.append)
    assert kept == [made]
    assert wrapped.read_text() == f"{unsigned.wrapped}\n"

    told = configuration(tmp_path, "kms-old", kms=section, vault=unsigned.vault)
    with running(tmp_path, told) as agent:
        [enclave] = serve(told, BOOT_SECONDS).enclaves
        assert_ready(enclave)
        assert kms.tell(policy=key_policy) == 3
        assert agent.end() == 0
        log += agent.log_file.read_text()
    assert kms.reached["credentials"]["secret_access_key"] not in log
