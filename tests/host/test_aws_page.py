"""docs/operate/aws.md is followed, as far as a machine without AWS's hardware allows.

What a stranger types is typed, in its order. Programs of AWS, dnf and systemd are stand-ins;
`cape`, the control plane, the agent and its data path are real. That KMS and AWS vouch for a
vault, and that clients then join, is not to be had here.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest
from tests.e2e.processes import is_running, wait_until
from tests.host.hosts import can_listen_on_vsock
from tests.host.test_credentials import metadata_service
from tests.images.made import image_files
from tests.pages import ROOT, blocks
from tests.ports import free_port

from pycape import policy
from pycape.host import status
from pycape.host.configuration import load
from pycape.local import description
from pycape.local.enclave_program import EnclaveProgram
from pycape.local.state import StateFolder

PAGE = ROOT / "docs" / "operate" / "aws.md"
STAND_INS = Path(__file__).parent / "stand_ins"
PROGRAMS = ("aws", "dnf", "install", "python3.11", "runuser", "systemctl")
KEY = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
ROLE = "arn:aws:iam::111122223333:role/cape-host"
FOLDERS = ("etc/nitro_enclaves", "etc/sysusers.d", "etc/systemd/system", "run", "var/lib")

# What a machine of AWS has and this one has not, or not as its kernel.
HARDWARE = {"allocator", "clock", "disk", "hugepages", "nitro enclaves", "processors", "vsock"}


pytestmark = [
    pytest.mark.skipif(not can_listen_on_vsock(), reason="vsock is missing or in use"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is missing"),
]


def commands(block: str) -> list[str]:
    """The commands of a block; one with a document in it is not taken apart."""
    if "<<'" in block:
        return [block]
    return re.sub(r"(\\|\|)\n\s*", lambda it: it[1].replace("\\", " "), block).splitlines()


class Machine:
    """A folder that is an instance's root, and a shell there."""

    def __init__(self, root: Path):
        self.root = root
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True)
        ports = {port: str(free_port()) for port in ("8970", "8971", "9464", "9470")}
        places = {
            f"{place}": f"{root}{place}" for place in ("/etc/", "/opt/", "/run/cape", "/var/lib/")
        }
        self.replaced = {**ports, **places}
        self.python = sys.executable
        self._write_told()
        self._put_programs()
        self.work = root / "work"
        shutil.copytree(ROOT / "deploy" / "systemd", self.work / "deploy" / "systemd")

    def _write_told(self) -> None:
        told = {"replaced": [*self.replaced.items()], "python": self.python, "key": KEY}
        (self.root / "told.json").write_text(json.dumps(told))

    def _put_programs(self) -> None:
        self.programs = self.root / "programs"
        self.programs.mkdir()
        for name in (*PROGRAMS, "systemd-sysusers", "usermod"):
            (self.programs / name).symlink_to(STAND_INS / "machine")
        self.nitro = self.root / "nitro"
        self.nitro.mkdir()
        shutil.copy(STAND_INS / "nitro-cli", self.nitro)
        told = {"supervision": f"{self.root}/run/cape-host/supervision", "first_cid": 16}
        (self.nitro / "told.json").write_text(json.dumps(told))

    def here(self, text: str) -> str:
        """The same, with the places and ports of this machine."""
        for before, after in self.replaced.items():
            text = re.sub(rf"(?<![\w/]){re.escape(before)}", after, text)
        configured = rf"\g<0> --config {self.root}/etc/cape/host.toml"
        return re.sub(r"cape host (create-vault|doctor|status)", configured, text)

    def types(self, command: str) -> subprocess.CompletedProcess:
        places = [self.programs, self.nitro, Path(sys.executable).parent, os.environ["PATH"]]
        environment = {
            **os.environ,
            "MACHINE": str(self.root),
            "PATH": ":".join(map(str, places)),
            "TMPDIR": str(self.root),
        }
        script = f"set -euo pipefail\n{self.here(command)}"
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def follows(self, block: str) -> None:
        for command in commands(block):
            done = self.types(command)
            assert done.returncode == 0, (command, done.stdout, done.stderr)

    def called(self) -> str:
        return (self.root / "log").read_text()

    def end(self) -> None:
        for file in self.root.glob("*.pid"):
            pid = int(file.read_text())
            if is_running(pid):
                os.kill(pid, signal.SIGTERM)
                wait_until(lambda pid=pid: not is_running(pid))


@pytest.fixture
def machine():
    # Its sockets' paths are short.
    with tempfile.TemporaryDirectory(prefix="cape-") as folder:
        made = Machine(Path(folder))
        try:
            yield made
        finally:
            made.end()


def born_elsewhere(machine: Machine):
    """A vault of a development root: what an enclave of AWS's would have made, and its profile."""
    program = EnclaveProgram.find()
    state = StateFolder(machine.root / "elsewhere")
    with state.locked():
        vault = state.vault(program)
    url = "https://cape.example.org"
    return vault, description.profile("cape", url, vault, program.measure(state.settings))


def fill_in(machine: Machine, imds_url: str) -> None:
    """Write host.toml as the page says: a copy of the example, all but `vault`."""
    text = machine.here((ROOT / "deploy" / "systemd" / "host.toml").read_text())
    text = re.sub(r'^vault = ".*"\n', "", text, flags=re.MULTILINE)
    text = re.sub(r'^key_id = ".*"$', f'key_id = "{KEY}"', text, flags=re.MULTILINE)
    run = f"{machine.root}/run"
    listen = [machine.replaced[port] for port in ("8971", "9464", "9470")]
    of_this_machine = (
        f'run_dir = "{run}/cape-host"\nblobs = "{run}/cape/blobs.sock"\n'
        "listen = {{ sessions = {}, enclaves = {}, operate = {} }}\n".format(*listen)
        + f'nitro_cli = {{ lock = "{run}/cape-host/nitro-cli.lock" }}\n'
    )
    text = text.replace("\n[image]", f"\n{of_this_machine}\n[image]")
    text = text.replace("[kms]\n", f'[kms]\nimds_url = "{imds_url}"\n')
    (machine.work / "host.toml").write_text(text)
    assert tomllib.loads(text)["name"] == "host-1"


def test_the_page_is_followed(machine):
    instance, allocator, cape, image, place, key, vault, units, join = blocks(PAGE, "sh")
    assert "cape join" in join, "the one that is not followed: nobody here is AWS"
    machine.follows(
        instance.replace("AMI", "ami-1").replace("SG", "sg-1").replace("SUBNET", "subnet-1")
    )
    machine.follows(allocator)
    machine.follows(cape)
    made_image(machine)
    machine.follows(image.replace("KERNEL", "bzImage").replace("RUNTIME", "runtime"))
    machine.follows(place)
    [release] = policy.load(machine.work / "policy.toml").releases
    machine.follows(key.replace("ROLE_ARN", ROLE).replace("ACCOUNT", "111122223333"))
    assert release.pcrs[0].hex() in (machine.work / "key-policy.json").read_text()

    with metadata_service() as kms:
        fill_in(machine, kms.imds_url)
        make_vault(machine, vault)
        start_units(machine, units)
        configuration = load(machine.root / "etc/cape/host.toml")
        wait_until(lambda: [it.starts for it in status.ask(configuration.folder).enclaves] == [1])
        wait_until(lambda: [*status.ask(configuration.folder).control_planes.values()] == ["ok"])
        machine.end()
        become_a_further_host(machine)
        wait_until(lambda: [it.starts for it in status.ask(configuration.folder).enclaves] == [1])
        assert (machine.root / "run/cape-host/blobs.sock").is_socket()
        machine.end()
    assert "systemctl enable --now cape-control cape-host" in machine.called()
    log = (machine.root / "cape-host.log").read_text()
    assert '"event": "host ended"' in log
    assert "Traceback" not in log


def made_image(machine: Machine) -> None:
    """What is beside the page's commands: a kernel and a runtime, and where the image goes."""
    image_files(machine.work)
    folder = machine.work / "deploy" / "image"
    folder.mkdir()
    shutil.copy(machine.work / "settings.toml", folder)
    recipe = (machine.work / "image.toml").read_text()
    recipe = re.sub(
        r'\[kernel\]\nfile = ".*"\n|^file = "runtime"\n', "", recipe, flags=re.MULTILINE
    )
    (folder / "image.toml").write_text(recipe)


def make_vault(machine: Machine, block: str) -> None:
    """Follow the page to where AWS vouches, which is refused here; then as if it had."""
    born, profile = born_elsewhere(machine)
    told = {"vault": born.vault, "birth": born.birth, "wrapped": "AQID"}
    (machine.nitro / "born.json").write_text(json.dumps(told))
    refused = 0
    for command in commands(block):
        done = machine.types(command)
        if "create-vault" not in command:
            assert done.returncode == 0, (command, done.stderr)
            continue
        refused += 1
        assert done.returncode == 77, done.stderr
        assert not (machine.root / "var/lib/cape/vault.wrapped").exists()
        profile.save(machine.root / "var/lib/cape/platform.toml")
        (machine.root / "var/lib/cape/vault.wrapped").write_text("AQID\n")
    assert refused == 1
    file = machine.root / "etc/cape/host.toml"
    file.write_text(f'vault = "{born.vault}"\n{file.read_text()}')


def become_a_further_host(machine: Machine) -> None:
    """The agent again, without the control plane, and with a folder that nothing is mounted on."""
    (machine.root / "var/lib/cape/blobs").mkdir(0o700)
    file = machine.root / "etc/cape/host.toml"
    own = f'blob_folder = "{machine.root}/var/lib/cape/blobs"'
    file.write_text(re.sub(r"^blobs = .*$", own, file.read_text(), flags=re.MULTILINE))
    machine.follows("systemctl enable --now cape-host")


def start_units(machine: Machine, block: str) -> None:
    for command in commands(block):
        done = machine.types(command)
        if "host doctor" in command:
            failed = set(re.findall(r"^  FAILED   +(.+?)  ", done.stdout, re.MULTILINE))
            assert failed <= HARDWARE, done.stdout
        else:
            assert done.returncode == 0, (command, done.stdout, done.stderr)
        if "host status" in command:
            assert done.stdout.startswith("host-1: nitro-cli\n"), done.stdout
        if command.startswith("curl"):
            assert "placement" in json.loads(done.stdout)["checks"]
