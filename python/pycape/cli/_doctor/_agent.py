"""What the agent of a host needs, by its configuration."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
from pathlib import Path

import pycape
from pycape._system_errors import reason
from pycape.cli._doctor._finding import Checks, Finding, attempted
from pycape.cli._doctor._machine import Machine
from pycape.cli._doctor._nitro import nitro_checks
from pycape.cli._doctor._programs import version_of
from pycape.errors import CapeError
from pycape.host import status
from pycape.host.configuration import Configuration, Kms, Process, Qemu, load
from pycape.host.credentials import credentials
from pycape.host.data_path import BINARY, BINARY_VARIABLE
from pycape.host.instructions import wrapped_secret
from pycape.host.launchers.image_file import check_image, least_memory_mib
from pycape.host.reports import read_token
from pycape.local.enclave_program import enclave_environment, find_program
from pycape.server.blobs import MAX_BLOB_BYTES


def agent_checks(machine: Machine, file: Path) -> Checks:
    """Look at the configuration, and then at all that it names."""
    try:
        configuration = load(file)
    except CapeError as error:
        yield Finding("host.toml", "failed", str(error), {"path": str(file)}, error.hint)
        return
    says = f"{configuration.enclaves} by {configuration.launcher}, as {configuration.name}"
    yield Finding("host.toml", "ok", says, {"path": str(file)})
    yield attempted("cape-host", _data_path, fix="pip install 'pycape[local]'")
    if configuration.image is not None:
        yield attempted("image", lambda: _image(configuration), fix="`cape image build`")
    if configuration.launcher == "nitro-cli":
        yield from nitro_checks(machine, configuration, file)
    if configuration.qemu is not None:
        yield _qemu(configuration.qemu)
    if configuration.process is not None:
        yield _runtime(configuration.process)
    yield from _places(machine, configuration)


def _places(machine: Machine, configuration: Configuration) -> Checks:
    running = _answers(configuration)
    yield _folder(configuration, running)
    fix = "chown to the agent's user"
    yield attempted("store", lambda: _store(machine, configuration, running), fix=fix)
    yield _ports(configuration, running)
    kms = configuration.kms
    if kms is not None:
        wrapped = Path(kms.wrapped_file)
        yield attempted("vault", lambda: _vault(wrapped), fix="chown to the agent's user")
        yield attempted("credentials", lambda: _credentials(kms), fix="chown to the agent's user")
    plane = configuration.control_plane
    if plane is not None:
        token_file = Path(plane.token_file)
        yield attempted("token", lambda: _token(token_file), fix="chmod 640 on its file")


def _data_path() -> Finding:
    binary = find_program(BINARY, BINARY_VARIABLE)
    version = version_of(binary, enclave_environment())
    facts = {"path": str(binary), "version": version, "wanted": pycape.__version__}
    if version != pycape.__version__:
        says = f"version {version}, and pycape is {pycape.__version__}"
        fix = f"pip install 'pycape[local]=={pycape.__version__}'"
        return Finding("cape-host", "failed", says, facts, fix)
    return Finding("cape-host", "ok", f"version {version}, {binary}", facts)


def _image(configuration: Configuration) -> Finding:
    assert configuration.image is not None  # noqa: S101 the caller has looked
    found = check_image(configuration.image)
    facts = {
        "path": str(found.path),
        "size": found.size,
        "least_mib": least_memory_mib(found.size),
        "pcr0": found.measurement,
    }
    says = f"{found.size >> 20} MiB, and {configuration.image.memory_mib} MiB of memory for it"
    return Finding("image", "ok", says, facts)


def _qemu(qemu: Qemu) -> Finding:
    programs = {"program": qemu.program, "backend": qemu.backend[0]}
    found = {key: shutil.which(program) for key, program in programs.items()}
    for key, program in programs.items():
        if found[key] is None:
            says = f"the program {program} is not installed"
            return Finding("qemu", "failed", says, found, f"{key} of [qemu] names another")
    return Finding("qemu", "ok", ", ".join(path for path in found.values() if path), found)


def _runtime(process: Process) -> Finding:
    files = {"settings": process.settings, "nsm": process.nsm, "vault_key": process.vault_key}
    if process.python is not None:
        files["python"] = process.python
    for key, path in files.items():
        if not os.access(path, os.R_OK):
            says = f"{path} is missing, or may not be read"
            fix = f"{key} of [process] names another; `cape vault create` makes all but python"
            return Finding("runtime", "failed", says, files, fix)
    return Finding("runtime", "ok", "its files can be read", files)


def _answers(configuration: Configuration) -> bool:
    try:
        status.ask(configuration.folder)
    except CapeError:
        return False
    return True


def _folder(configuration: Configuration, running: bool) -> Finding:
    folder = configuration.folder
    facts = {"path": str(folder), "agent": running}
    if running:
        return Finding("run_dir", "ok", f"{folder}, where the agent answers", facts)
    if folder.is_dir() and status.is_shared(folder):
        fix = f"chmod 700 {shlex.quote(str(folder))}, or run_dir names another folder"
        return Finding("run_dir", "failed", f"{folder} is open to other users", facts, fix)
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if os.access(there, os.W_OK):
        return Finding("run_dir", "ok", f"{folder} can be used", facts)
    fix = f"install -d -o $USER -m 0700 {folder}"
    return Finding("run_dir", "failed", f"{there} may not be written", facts, fix)


def _store(machine: Machine, configuration: Configuration, running: bool) -> Finding:
    if configuration.blob_folder is None:
        fix = "systemctl start cape-control, or blobs names another socket"
        return _answering_store(configuration.blob_socket, fix)
    found = _own_store(machine, Path(configuration.blob_folder))
    if found.state == "failed" or not running:
        return found
    answering = _answering_store(configuration.blob_socket, "systemctl restart cape-host")
    return found if answering.state == "ok" else answering


def _answering_store(path: Path, fix: str) -> Finding:
    facts = {"path": str(path)}
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError as error:
            says = f"no store answers at {path}: {reason(error)}"
            return Finding("store", "failed", says, facts, fix)
    return Finding("store", "ok", f"it answers at {path}", facts)


def _own_store(machine: Machine, folder: Path) -> Finding:
    facts: dict[str, object] = {"path": str(folder)}
    if not folder.is_dir():
        fix = f"mount it, or install -d -o $USER -m 0700 {folder}"
        return Finding("store", "failed", f"there is no folder {folder}", facts, fix)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        fix = "mount it to be written, or chown to the agent's user"
        return Finding("store", "failed", f"{folder} may not be written", facts, fix)
    free, most = machine.free_mib(str(folder)), MAX_BLOB_BYTES >> 20
    facts |= {"free_mib": free}
    says = f"{free} MiB are free in {folder}"
    if free < most:
        fix = f"make room for {most} MiB, which one function may take"
        return Finding("store", "warning" if free else "failed", says, facts, fix)
    return Finding("store", "ok", says, facts)


def _ports(configuration: Configuration, running: bool) -> Finding:
    listen = configuration.listen
    enclaves = range(listen.enclaves, listen.enclaves + configuration.enclaves)
    ports = [listen.sessions, listen.operate, *(enclaves if listen.enclaves else ())]
    taken = [] if running else [port for port in ports if port and not _is_free(port)]
    facts = {"ports": ports, "taken": taken}
    if taken:
        says = f"taken: {', '.join(map(str, taken))}"
        fix = "ss -ltnp shows by whom; [listen] names others"
        return Finding("ports", "failed", says, facts, fix)
    says = "taken by the agent" if running else "all free"
    return Finding("ports", "ok", f"{', '.join(map(str, ports))}: {says}", facts)


def _vault(path: Path) -> Finding:
    wrapped_secret(path)
    return Finding("vault", "ok", f"{path} has its wrapped secret", {"path": str(path)})


def _credentials(kms: Kms) -> Finding:
    credentials(kms)  # of which nothing is told
    kind, _, path = kms.credentials.partition(":")
    of = {"environment": "this environment", "instance": "the instance's role"}.get(kind, path)
    return Finding("credentials", "ok", f"those of {of}", {"from": kms.credentials})


def _token(path: Path) -> Finding:
    read_token(path)
    return Finding("token", "ok", f"{path} has one", {"path": str(path)})


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
