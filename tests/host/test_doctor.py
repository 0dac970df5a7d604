"""cape host doctor: what an agent needs, on machines of all kinds."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from tests.cli import schemas
from tests.cli.doctor import OtherMachine, write_files
from tests.host.hosts import CAPE, image_in, serve, toml
from tests.ports import free_port

import pycape
from pycape.cli._doctor._agent import agent_checks
from pycape.cli._doctor._machine import Machine

STAND_IN = Path(__file__).with_name("stand_ins") / "nitro-cli"
PAGES = "sys/kernel/mm/hugepages/hugepages-2048kB"
HOST = {
    "dev/nitro_enclaves": "",
    "dev/vsock": "",
    "etc/nitro_enclaves/allocator.yaml": "---\nmemory_mib: 2048\ncpu_count: 4\n",
    "sys/module/nitro_enclaves/parameters/ne_cpus": "1-2,5-6",
    f"{PAGES}/nr_hugepages": "1024",
    f"{PAGES}/free_hugepages": "1024",
    "sys/devices/system/cpu/online": "0,3-4,7",
    "sys/devices/system/cpu/smt/active": "1",
    "run/systemd/system/units": "",
    "etc/systemd/system/multi-user.target.wants/cape-host.service": "",
}
UNIT = "etc/systemd/system/cape-host.service"
DEVICE = "dev/nitro_enclaves"
NAMES = {
    "allocator",
    "cape-host",
    "clock",
    "credentials",
    "disk",
    "host.toml",
    "hugepages",
    "image",
    "nitro enclaves",
    "nitro-cli",
    "ports",
    "processors",
    "run_dir",
    "store",
    "token",
    "unit",
    "vault",
    "vsock",
}


class Examined:
    """A machine with everything, but for what a test takes away, and what is found there."""

    def __init__(self, folder: Path, monkeypatch):
        self.folder = folder
        self.files = dict(HOST)
        self.usable = {DEVICE}
        self.machine = {}
        self.files[UNIT] = f"ExecStart=/opt/cape/bin/cape host run --config {folder}/host.toml"
        self.program = folder / "nitro-cli"
        shutil.copy(STAND_IN, self.program)
        host = folder / "cape-host"
        host.write_text(f"#!/bin/sh\necho cape-host {pycape.__version__}\n")
        host.chmod(0o755)
        monkeypatch.setenv("CAPE_HOST_BINARY", str(host))
        image_in(folder)
        (folder / "vault.wrapped").write_text("AQID")
        (folder / "aws.json").touch(0o600)
        (folder / "aws.json").write_text('{"access_key_id": "A", "secret_access_key": "Sesam"}')
        (folder / "token").touch(0o600)
        (folder / "token").write_text("ab" * 32)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "blobs.sock"))
        self.listener.listen()
        self.told = {
            "name": "one",
            "launcher": "nitro-cli",
            "url": "wss://one.example/v2/session",
            "vault": "ab" * 32,
            "enclaves": 2,
            "run_dir": str(folder / "run"),
            "blobs": str(folder / "blobs.sock"),
            "listen": {"sessions": free_port(), "enclaves": 0, "operate": 0},
            "image": {"file": str(folder / "cape.eif"), "memory_mib": 1024, "cpus": 2},
            "nitro_cli": {"program": str(self.program)},
            "kms": {
                "region": "eu-central-1",
                "endpoint": "kms.eu-central-1.amazonaws.com",
                "key_id": "arn:aws:kms:eu-central-1:123456789012:key/a",
                "wrapped_file": str(folder / "vault.wrapped"),
                "credentials": f"file:{folder / 'aws.json'}",
            },
            "control_plane": {
                "urls": ["https://cape.example.org"],
                "token_file": str(folder / "token"),
            },
        }

    def findings(self) -> dict:
        root = self.folder / "root"
        write_files(root, {path: text for path, text in self.files.items() if text is not None})
        file = self.folder / "host.toml"
        file.write_text(toml(self.told))
        machine = OtherMachine(
            root=root, system="linux", user=1000, usable=self.usable, **self.machine
        )
        return {finding.name: finding for finding in agent_checks(machine, file)}


@pytest.fixture
def examined(tmp_path, monkeypatch):
    examined = Examined(tmp_path, monkeypatch)
    yield examined
    examined.listener.close()


def test_a_host_with_everything(examined):
    found = examined.findings()
    assert found.keys() == NAMES
    assert {finding.state for finding in found.values()} == {"ok"}, found
    assert found["nitro-cli"].says == f"version 1.4.2, {examined.program}"
    assert found["host.toml"].says == "2 by nitro-cli, as one"


def take(name: str):
    return lambda examined: examined.files.pop(name)


def write(name: str, text: str):
    return lambda examined: examined.files.update({name: text})


def say(text: str):
    return lambda examined: examined.program.write_text(f"#!/bin/sh\n{text}\n")


def is_(**changes):
    return lambda examined: examined.machine.update(changes)


def tell(**changes):
    return lambda examined: examined.told.update(changes)


LACKS = {
    "enclaves are not enabled": ("nitro enclaves", take(DEVICE), "enclaves enabled"),
    "the user may not": ("nitro enclaves", lambda it: it.usable.clear(), "usermod -aG ne"),
    "the device is root's": (
        "nitro enclaves",
        lambda it: (it.usable.clear(), it.machine.update(owners={DEVICE: ("root", 0o600)})),
        "systemctl restart nitro-enclaves-allocator gives it to the group ne",
    ),
    "fewer processors than the allocator says": (
        "processors",
        write("sys/module/nitro_enclaves/parameters/ne_cpus", "1,5"),
        "cpu_count",
    ),
    "half a core": (
        "processors",
        lambda it: (it.told["image"].update(cpus=1), it.told.update(enclaves=1)),
        "cpus = 2 of [image]",
    ),
    "a disk that is full": ("disk", is_(free=255), "make room for 256 MiB"),
    "a kernel that tells no time": (
        "clock",
        is_(clock=PermissionError(1, "Operation not permitted")),
        "chronyd",
    ),
    "no credentials": (
        "credentials",
        lambda it: (it.folder / "aws.json").unlink(),
        "JSON with access_key_id",
    ),
    "credentials for everybody": (
        "credentials",
        lambda it: (it.folder / "aws.json").chmod(0o644),
        "chmod 600",
    ),
    "too little memory for all": (
        "allocator",
        write("etc/nitro_enclaves/allocator.yaml", "memory_mib: 1024\ncpu_count: 4\n"),
        "memory_mib: 2048, cpu_count: 4, then systemctl restart",
    ),
    "too few processors for all": (
        "allocator",
        write("etc/nitro_enclaves/allocator.yaml", "memory_mib: 4096\ncpu_count: 2\n"),
        "cpu_count: 4",
    ),
    "no huge pages": ("hugepages", write(f"{PAGES}/nr_hugepages", "0"), "systemctl restart"),
    "no vsock": ("vsock", take("dev/vsock"), "modprobe vsock"),
    "no nitro-cli": ("nitro-cli", lambda it: it.program.unlink(), "dnf install"),
    "a nitro-cli that says nothing": ("nitro-cli", say("exit 1"), "dnf install"),
    "a nitro-cli that says no text": ("nitro-cli", say(r"printf '\\377'"), "dnf install"),
    "no wrapped secret": (
        "vault",
        lambda it: (it.folder / "vault.wrapped").unlink(),
        "cape host create-vault",
    ),
    "no image": ("image", lambda it: (it.folder / "cape.eif").unlink(), "it was looked for"),
    "an image that is cut short": (
        "image",
        lambda it: os.truncate(it.folder / "cape.eif", 1000),
        "build it again",
    ),
    "an image that is too large": (
        "image",
        lambda it: it.told["image"].update(file=str(image_in(it.folder, 300)), memory_mib=1024),
        "memory_mib = 1201",
    ),
    "no store": ("store", lambda it: (it.folder / "blobs.sock").unlink(), "cape-control"),
    "a store that is down": ("store", lambda it: it.listener.close(), "cape-control"),
    "no token": ("token", lambda it: (it.folder / "token").unlink(), "`cape host admit"),
    "a token for everybody": (
        "token",
        lambda it: (it.folder / "token").chmod(0o644),
        "chmod 640",
    ),
    "no folder": ("run_dir", tell(run_dir="/proc/cape"), "install -d"),
    "a folder of everybody": ("run_dir", lambda it: (it.folder / "run").mkdir(0o755), "chmod 700"),
    "another version of the data path": (
        "cape-host",
        lambda it: (it.folder / "cape-host").write_text("#!/bin/sh\necho cape-host 1.0.0\n"),
        "pip install",
    ),
}


@pytest.mark.parametrize(("name", "spoil", "fix"), LACKS.values(), ids=LACKS)
def test_what_a_host_lacks_has_its_fix(examined, name, spoil, fix):
    if fix == "install -d" and os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    spoil(examined)
    found = examined.findings()
    assert found[name].state == "failed", found[name]
    assert fix in found[name].fix
    others = {each.name for each in found.values() if each.state != "ok"} - {name}
    assert others <= {"hugepages"} if name == "allocator" else not others


def own_store(examined, folder):
    del examined.told["blobs"]
    examined.told["blob_folder"] = str(folder)


OWN_STORE = {
    "room": (lambda _: None, 10_000, "ok", None),
    "little room": (lambda _: None, 1039, "warning", "make room for 1040 MiB"),
    "no room": (lambda _: None, 0, "failed", "make room for 1040 MiB"),
    "no folder": (lambda it: it.rmdir(), 10_000, "failed", "mount it, or install -d"),
    "a file": (lambda it: (it.rmdir(), it.touch()), 10_000, "failed", "mount it, or install -d"),
}


@pytest.mark.parametrize(("spoil", "free", "state", "fix"), OWN_STORE.values(), ids=OWN_STORE)
def test_an_agent_that_is_the_store_needs_its_folder(examined, spoil, free, state, fix):
    folder = examined.folder / "blobs"
    folder.mkdir()
    own_store(examined, folder)
    spoil(folder)
    examined.machine.update(free=free)
    found = examined.findings()["store"]
    assert found.state == state, found
    assert found.fix is None if fix is None else fix in found.fix
    assert str(folder) in found.says


def test_a_folder_that_may_not_be_written_is_no_store(examined, mounted):
    folder = mounted("ro")
    own_store(examined, folder)
    found = examined.findings()["store"]
    assert (found.state, found.says) == ("failed", f"{folder} may not be written")
    assert "mount it to be written" in found.fix


def test_the_store_of_an_agent_that_runs_has_to_answer(platform, agent, tmp_path):
    configuration = platform.configuration("own-store", blobs=None, blob_folder=str(tmp_path))
    agent(configuration)
    serve(configuration)

    def found():
        findings = agent_checks(OtherMachine(), configuration)
        return next(each for each in findings if each.name == "store")

    assert found().says == f"10000 MiB are free in {tmp_path}"
    (platform.folder / "own-store" / "blobs.sock").unlink()
    assert found().state == "failed"
    assert "no store answers" in found().says


WARNS = {
    "a clock that nothing keeps": ("clock", is_(clock=False), "systemctl enable --now chronyd"),
    "no unit": ("unit", take(UNIT), "cp deploy/systemd/cape-host.service"),
    "a unit of another configuration": (
        "unit",
        write(UNIT, "ExecStart=/opt/cape/bin/cape host run"),
        "in its ExecStart",
    ),
    "a unit that does not start at boot": (
        "unit",
        take("etc/systemd/system/multi-user.target.wants/cape-host.service"),
        "systemctl enable --now cape-host",
    ),
    "a machine that is too small": (
        "processors",
        write("sys/devices/system/cpu/online", "0"),
        "a larger type of instance",
    ),
    "an old nitro-cli": ("nitro-cli", say("echo Nitro CLI 1.1.0"), "dnf upgrade"),
}


@pytest.mark.parametrize(("name", "spoil", "fix"), WARNS.values(), ids=WARNS)
def test_what_may_be_wrong_is_a_warning(examined, name, spoil, fix):
    spoil(examined)
    found = examined.findings()
    assert found[name].state == "warning", found[name]
    assert fix in found[name].fix
    assert {each.state for each in found.values() if each.name != name} == {"ok"}


def test_without_systemd_there_is_no_unit_to_look_at(examined):
    del examined.files["run/systemd/system/units"]
    assert examined.findings()["unit"].state == "skipped"


def test_credentials_are_in_no_finding(examined):
    found = examined.findings()["credentials"]
    assert "Sesam" not in json.dumps([found.says, dict(found.facts)])
    assert str(examined.folder / "aws.json") in found.says


def test_the_kernel_of_this_machine_is_asked():
    machine = Machine()
    assert machine.clock_is_kept() in {True, False}
    assert machine.free_mib("var/log/nitro_enclaves") > 0
    group, mode = machine.owner("dev/null")
    assert (group, mode) == ("root", 0o666)
    assert machine.owner("dev/nothing") is None


def test_a_port_that_is_taken_is_named(examined):
    with socket.create_server(("127.0.0.1", examined.told["listen"]["sessions"])):
        found = examined.findings()["ports"]
    assert found.state == "failed"
    assert str(examined.told["listen"]["sessions"]) in found.says
    assert "ss -ltnp" in found.fix


def test_a_nitro_cli_that_hangs_is_not_waited_for(examined, monkeypatch):
    say("exec sleep 30")(examined)
    monkeypatch.setattr("pycape.cli._doctor._nitro._SECONDS", 0.2)
    found = examined.findings()["nitro-cli"]
    assert found.state == "failed"
    assert "does not tell its version within" in found.says


def test_a_configuration_that_is_wrong_is_all_that_is_told(examined):
    examined.told["enclaves"] = 9
    [finding] = examined.findings().values()
    assert finding.state == "failed"
    assert "$.enclaves" in finding.says


def test_a_host_of_processes_needs_nothing_of_nitro(platform, agent):
    configuration = platform.configuration("examined")
    agent(configuration)
    serve(configuration)
    found = {each.name: each for each in agent_checks(OtherMachine(), configuration)}
    assert found.keys() == {"runtime"} | NAMES - {
        *("allocator", "clock", "credentials", "disk", "hugepages", "image", "nitro enclaves"),
        *("nitro-cli", "processors", "unit", "vault", "vsock"),
    }
    assert {finding.state for finding in found.values()} == {"ok"}, found
    assert "the agent answers" in found["run_dir"].says
    assert "taken by the agent" in found["ports"].says


@pytest.mark.parametrize("missing", ["settings", "nsm", "vault_key", "python"])
def test_a_host_of_processes_needs_the_runtimes_files(examined, missing):
    process = {key: str(examined.program) for key in ("settings", "nsm", "vault_key", "python")}
    examined.told = {
        key: it for key, it in examined.told.items() if key not in {"image", "nitro_cli", "kms"}
    } | {"launcher": "process", "process": process}
    assert examined.findings()["runtime"].state == "ok"
    process[missing] = str(examined.folder / "missing")
    found = examined.findings()["runtime"]
    assert (found.state, process[missing] in found.says) == ("failed", True)
    assert f"{missing} of [process]" in found.fix


@pytest.mark.parametrize("missing", ["program", "backend"])
def test_a_host_of_machines_of_qemu_needs_both_programs(examined, missing):
    qemu = {"program": str(examined.program), "backend": [str(examined.program), "{socket}"]}
    examined.told |= {"launcher": "qemu", "qemu": qemu}
    del examined.told["nitro_cli"]
    assert examined.findings()["qemu"].state == "ok"
    qemu[missing] = ["missing", "{socket}"] if missing == "backend" else "missing"
    found = examined.findings()["qemu"]
    assert (found.state, found.says) == ("failed", "the program missing is not installed")
    assert found.fix == f"{missing} of [qemu] names another"


@pytest.mark.parametrize("command", [["host", "doctor"], ["doctor", "--host"]])
def test_the_command_tells_of_the_host_alone(command):
    done = subprocess.run([*CAPE, *command, "--json"], capture_output=True, check=False)
    answer = json.loads(done.stdout)
    schemas.check(command, answer)
    assert done.returncode == 1
    [check] = answer["data"]["checks"]
    assert (check["group"], check["name"]) == ("host of enclaves", "host.toml")
    assert "/etc/cape/host.toml" in check["says"]


def test_what_commands_print_is_as_their_schemas_say(platform, agent):
    configuration = platform.configuration("schemas")
    running = agent(configuration)
    schemas.check_data(["host", "run"], running.data)
    serve(configuration)
    words = ["host", "status", "--config", str(configuration)]
    done = subprocess.run([*CAPE, *words, "--json"], capture_output=True, check=True)
    schemas.check(words, json.loads(done.stdout))
    done = subprocess.run([*CAPE, *words, "-q"], capture_output=True, check=True)
    assert done.stdout == b"serving\n"
