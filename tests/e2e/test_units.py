"""What the unit files start: a host that serves, from a fresh folder to a function's answer."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest
from tests.ports import free_ports

from pycape import Cape
from pycape._config import Config
from pycape._profile import Profile
from pycape.demo import echo_folder
from pycape.local.enclave_program import EnclaveProgram

from .processes import wait_until
from .units import UNITS, command, environment_file, settings

CAPE = [sys.executable, "-c", "from pycape.cli import main; main()"]
SERVICES = ("cape-control.service", "cape-enclave.service")


class Host:
    """The services' commands, with this test's folders and ports in place of the units'."""

    def __init__(self, folder):
        self.folder = folder
        self.program = EnclaveProgram.find()
        ports = map(str, free_ports(3))
        self.ports = dict(zip(("8970", "8971", "9464"), ports, strict=True))
        self.control = f"http://127.0.0.1:{self.ports['8970']}"
        self.operate = f"http://127.0.0.1:{self.ports['9464']}"
        self.environment = {
            **environment_file(),
            "CONTROL_URL": self.control,
            "SESSION_URL": f"ws://127.0.0.1:{self.ports['8971']}/v2/session",
            "FUNCTION_PYTHON": str(self.program.python),
        }

    def create_vault(self):
        data = ["--data-dir", str(self.folder / "state"), "--json"]
        made = subprocess.run([*CAPE, "vault", "create", *data], stdout=-1, check=True)
        self.environment["VAULT_ID"] = json.loads(made.stdout)["data"]["vault"]

    def command(self, name):
        words = [self._here(word) for word in command(name, self.environment)]
        start = CAPE if name == "cape-control.service" else [str(self.program.binary)]
        return [*start, *words[1:]]

    def _here(self, word):
        word = word.replace("/var/lib/cape", str(self.folder / "state"))
        word = word.replace("/run/cape", str(self.folder / "run"))
        # One that was put in place is none of the others, though it may have the same digits in it.
        return re.sub(
            rf"(?<![\w/-])({'|'.join(self.ports)})(?!\w)", lambda it: self.ports[it[0]], word
        )

    @contextmanager
    def started(self, name):
        """A service, with the standard input that systemd gives it."""
        with (self.folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                self.command(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "TMPDIR": str(self.folder)},
            )
        try:
            yield process
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()

    def log(self, name):
        return (self.folder / f"{name}.log").read_text()


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def status(url):
    try:
        return httpx.get(f"{url}/readyz", timeout=30).status_code
    except httpx.HTTPError:
        return None


def test_both_units_serve_and_each_survives_the_other(host, tmp_path):
    host.create_vault()
    with host.started("cape-control.service") as control:
        wait_until(lambda: status(host.control) == 503)
        assert (
            "no enclave"
            in httpx.get(f"{host.control}/readyz", timeout=60).json()["checks"]["placement"]
        )
        with host.started("cape-enclave.service"):
            wait_until(lambda: status(host.control) == 200)
            profile = Profile.load(tmp_path / "state" / "local" / "profile.toml")
            assert (profile.name, profile.url) == ("cape", host.control)
            Config(config_dir=tmp_path / "client").install_profile(profile, make_default=True)
            with Cape(config_dir=tmp_path / "client") as cape:
                function = cape.deploy(echo_folder(), name="echo")
                ciphertext = cape.encrypt(b"for a service")
                assert cape.run(function, None, ciphertext) == b"for a service"
            assert status(host.operate) == 200
        wait_until(lambda: status(host.control) == 503)
        with host.started("cape-enclave.service"):
            wait_until(lambda: status(host.control) == 200)
            with Cape(config_dir=tmp_path / "client") as cape:
                assert cape.run(function, None, ciphertext) == b"for a service"
            control.send_signal(signal.SIGSTOP)
            assert status(host.operate) is not None, "it answers while the store does not"
            control.send_signal(signal.SIGCONT)
    assert "enclave not ready" in each_once(host.log("cape-control.service"))
    assert b"for a service" not in (tmp_path / "cape-enclave.service.log").read_bytes()


def each_once(log):
    """The events of the control plane's log. It is lines of JSON, beside what was announced."""
    lines = [line for line in log.splitlines() if "{" in line]
    assert len(set(lines)) == len(lines)
    return [json.loads(line)["event"] for line in lines]


def test_a_control_plane_without_a_vault_says_so_and_makes_none(host, tmp_path):
    ended = subprocess.run(host.command("cape-control.service"), capture_output=True, check=False)
    assert ended.returncode == 78
    assert b"there is no vault" in ended.stderr
    assert not (tmp_path / "state" / "local" / "vault.key").exists()


def test_addresses_that_are_not_encrypted_are_refused(host):
    host.environment["SESSION_URL"] = "ws://cape.example.org/v2/session"
    ended = subprocess.run(host.command("cape-control.service"), capture_output=True, check=False)
    assert ended.returncode == 2
    assert b"--session: ws://cape.example.org/v2/session is not encrypted" in ended.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
@pytest.mark.parametrize("name", SERVICES)
def test_systemd_understands_a_unit(name, tmp_path):
    unit = (UNITS / name).read_text()
    # It looks for the programs, which are where a host has them.
    for program in ("cape-enclave", "cape"):
        unit = unit.replace(f"/opt/cape/bin/{program} ", "/bin/true ")
    (tmp_path / name).write_text(unit)
    if name == "cape-enclave.service":
        (tmp_path / "cape-control.service").write_text((UNITS / "cape-control.service").read_text())
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", tmp_path / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stderr
    assert name not in verified.stderr, verified.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_is_restricted(name):
    found = settings(name)
    for directive in ("NoNewPrivileges", "PrivateDevices", "PrivateTmp", "ProtectHome"):
        assert found[directive] == ["yes"]
    assert found["ProtectSystem"] == ["strict"]
    assert found["CapabilityBoundingSet"] == [""]
    assert found["User"] == ["cape"]


def test_what_the_jail_is_made_of_is_not_taken_from_the_runtime():
    found = settings("cape-enclave.service")
    for directive in (
        "MemoryDenyWriteExecute",
        "PrivateUsers",
        "ProcSubset",
        "ProtectControlGroups",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelTunables",
        "ProtectProc",
        "RestrictNamespaces",
        "SystemCallFilter",
    ):
        assert directive not in found
    assert found["Delegate"] == ["cpu memory pids"]


def test_the_runtime_may_have_the_processes_that_its_settings_give_to_functions():
    page = (UNITS.parents[1] / "docs" / "operate" / "running.md").read_text()
    limits = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (\d+) \|", page, re.MULTILINE))
    workers = int(limits["workers"]) + int(limits["spare_workers"])
    [tasks] = settings("cape-enclave.service")["TasksMax"]
    assert int(tasks) >= workers * int(limits["processes"]) + 50, "docs/operate/capacity.md"


def test_both_services_use_what_the_other_has():
    def words(name):
        return command(name, {**environment_file(), "VAULT_ID": "00" * 32})

    control, enclave = words("cape-control.service"), words("cape-enclave.service")
    assert control[control.index("--blobs") + 1] == enclave[enclave.index("--blobs") + 1]
    operate = enclave[enclave.index("--operate") + 1]
    assert control[control.index("--enclave") + 1] == f"http://{operate}"
