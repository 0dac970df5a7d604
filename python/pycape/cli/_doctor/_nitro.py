"""What a machine has to have for enclaves by nitro-cli, beside what the agent itself needs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from pycape.cli._doctor._finding import Checks, Finding, attempted
from pycape.cli._doctor._host import Wanted, parts_of_host
from pycape.cli._doctor._machine import Machine
from pycape.errors import ConfigError
from pycape.host.configuration import Configuration
from pycape.local.enclave_program import enclave_environment

_VSOCK = "dev/vsock"
_KNOWN_NITRO_CLI = (1, 2)
_NITRO_CLI = "dnf install aws-nitro-enclaves-cli"
_SECONDS = 20

_LOG = "var/log/nitro_enclaves"
_LEAST_FREE_MIB = 256

_SYSTEMD = "run/systemd/system"
_UNIT = "cape-host.service"
_UNIT_FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system")
_ENABLED = f"etc/systemd/system/multi-user.target.wants/{_UNIT}"


def nitro_checks(machine: Machine, configuration: Configuration, file: Path) -> Checks:
    """Look at it, for a host whose configuration is that of the file."""
    image, enclaves = configuration.image, configuration.enclaves
    wanted = Wanted()
    if image is not None:
        wanted = Wanted(image.memory_mib * enclaves, image.cpus * enclaves, image.cpus)
    yield from parts_of_host(machine, wanted)
    program = configuration.nitro_cli.program
    yield attempted("nitro-cli", lambda: _nitro_cli(program), fix=_NITRO_CLI)
    yield _vsock(machine)
    yield attempted("clock", lambda: _clock(machine), fix="systemctl enable --now chronyd")
    folders = [_LOG, *([str(Path(image.file).parent)] if image is not None else ())]
    yield attempted("disk", lambda: _disk(machine, folders), fix="look at it with df")
    yield _unit(machine, file)


def _nitro_cli(program: str) -> Finding:
    path = shutil.which(program)
    if path is None:
        raise ConfigError(f"the program {program} is not installed", hint=_NITRO_CLI)
    try:
        done = subprocess.run(
            [path, "--version"],
            env=enclave_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        says = f"{path} does not tell its version within {_SECONDS} s"
        raise ConfigError(says, hint=_NITRO_CLI) from error
    match = re.search(r"(\d+)\.(\d+)\.\d+", done.stdout)
    facts = {"path": path, "version": match[0] if match else None}
    if match is None:
        says = f"{path} does not tell its version (status {done.returncode})"
        return Finding("nitro-cli", "failed", says, facts, _NITRO_CLI)
    if (int(match[1]), int(match[2])) < _KNOWN_NITRO_CLI:
        says = f"version {match[0]} is older than any that is known to work"
        return Finding("nitro-cli", "warning", says, facts, "dnf upgrade aws-nitro-enclaves-cli")
    return Finding("nitro-cli", "ok", f"version {match[0]}, {path}", facts)


def _vsock(machine: Machine) -> Finding:
    facts = {"path": f"/{_VSOCK}"}
    if machine.exists(_VSOCK):
        return Finding("vsock", "ok", f"/{_VSOCK} is there", facts)
    return Finding("vsock", "failed", f"/{_VSOCK} is missing", facts, "modprobe vsock")


def _clock(machine: Machine) -> Finding:
    """An enclave judges nothing when its clock, which is the host's, differs by a minute."""
    if machine.clock_is_kept():
        return Finding("clock", "ok", "something keeps it right", {"kept": True})
    says = "nothing keeps it right: an enclave whose clock differs by 60 s judges nothing"
    return Finding("clock", "warning", says, {"kept": False}, "systemctl enable --now chronyd")


def _disk(machine: Machine, folders: list[str]) -> Finding:
    free = {f"/{folder.removeprefix('/')}": machine.free_mib(folder) for folder in folders}
    full = min(free, key=lambda folder: free[folder])
    says = f"{free[full]} MiB are free in {full}"
    if free[full] < _LEAST_FREE_MIB:
        fix = f"make room for {_LEAST_FREE_MIB} MiB: nitro-cli does not start without its log"
        return Finding("disk", "failed", says, {"free_mib": free}, fix)
    return Finding("disk", "ok", says, {"free_mib": free})


def _unit(machine: Machine, file: Path) -> Finding:
    if not machine.exists(_SYSTEMD):
        return Finding("unit", "skipped", "not here: systemd does not run")
    texts = [machine.text(f"{folder}/{_UNIT}") for folder in _UNIT_FOLDERS]
    text = next((each for each in texts if each is not None), None)
    enabled = machine.exists(_ENABLED)
    facts = {"unit": _UNIT, "there": text is not None, "enabled": enabled}
    if text is None:
        fix = f"cp deploy/systemd/{_UNIT} /etc/systemd/system/ && systemctl daemon-reload"
        return Finding("unit", "warning", f"{_UNIT} is not installed", facts, fix)
    if f"--config {file}" not in text:
        says = f"{_UNIT} starts an agent with another configuration than {file}"
        return Finding("unit", "warning", says, facts, f"--config {file} in its ExecStart")
    if not enabled:
        says = f"{_UNIT} does not start when the machine does"
        return Finding("unit", "warning", says, facts, "systemctl enable --now cape-host")
    return Finding("unit", "ok", f"{_UNIT} starts when the machine does", facts)
