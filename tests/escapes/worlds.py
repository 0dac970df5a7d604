"""Platforms whose functions wear all layers of the jail or all but some, and what is around."""

import ctypes
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pycape import Cape, FunctionRef
from pycape.local import LocalPlatform
from pycape.local.enclave_program import BINARY_VARIABLE, EnclaveProgram

HERE = Path(__file__).parent
MEBIBYTE = 1 << 20
SCRATCH_BYTES = 16 * MEBIBYTE
PROCESSES = 64
MEMORY_MIB = 128
LEAKED_DESCRIPTOR = 9
IPC_CREAT, IPC_RMID = 0o1000, 0

# What every machine can give that these tests run on, and that no attempt is about.
REQUIRED = ("closed_descriptors", "empty_environment", "no_new_privileges", "resource_limits")


@dataclass
class World:
    """A platform, a client with the attempts deployed, and the facts that attempts are told."""

    folder: Path
    platform: LocalPlatform
    cape: Cape
    facts: dict[str, object]
    functions: dict[str, FunctionRef] = field(default_factory=dict)
    _off: set[str] | None = None

    def attempt(
        self,
        name: str,
        *,
        isolation: str = "session",
        caller: str = "one",
        facts: dict[str, object] | None = None,
    ) -> str:
        """Make an attempt in a session of its own."""
        told = {**(self.facts if facts is None else facts), "caller": caller}
        arguments = json.dumps([name, told]).encode()
        function = self.function(isolation)
        return self.cape.run(function, None, arguments, shared=isolation == "function").decode()

    def function(self, isolation: str) -> FunctionRef:
        """The function that makes attempts, deployed with that isolation."""
        if isolation not in self.functions:
            folder = function_folder(self.folder / isolation, isolation)
            self.functions[isolation] = self.cape.deploy(folder, name=isolation)
        return self.functions[isolation]

    def off(self) -> set[str]:
        """The layers that the machine does not give."""
        if self._off is None:
            self._off = {name for name, reason in self.layers().items() if reason is not None}
        return self._off

    def layers(self) -> dict[str, str | None]:
        """Name the layers, each with the reason why it is off."""
        _, description = self.cape.attest()
        return {layer.name: layer.off_because for layer in description.runtime.isolation}


class Surroundings:
    """What a function would find outside: processes, sockets, files with secrets."""

    def __init__(self, folder: Path, ends: ExitStack) -> None:
        self.folder = folder
        folder.chmod(0o700)
        self.secret = folder / "secret"
        self.secret.write_text("a secret of the operator")
        self.secret.chmod(0o600)
        # Any user can reach these, as on a machine that many share.
        self.decoy = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
        ends.callback(self.decoy.wait)
        ends.callback(self.decoy.kill)
        self.abstract = f"cape-escape-{os.getpid()}-{folder.name}"
        listener = ends.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind("\0" + self.abstract)
        listener.listen()
        self.datagrams = ends.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.datagrams.bind(("127.0.0.1", 0))
        self.shared_memory_key = 0x43000000 + os.getpid()
        libc = ctypes.CDLL(None)
        segment = libc.shmget(self.shared_memory_key, 4096, IPC_CREAT | 0o666)
        ends.callback(libc.shmctl, segment, IPC_RMID, None)

    def facts(self, platform: LocalPlatform) -> dict[str, object]:
        command = Path(f"/proc/{platform.enclave_pid}/cmdline").read_bytes().split(b"\0")
        option = {name: value.decode() for name, value in pairwise(command)}
        enclave = platform.placement.place(None)
        return {
            "abstract_socket": self.abstract,
            "blobs_socket": option[b"--blobs"],
            "control_plane": platform.url,
            "datagram_port": self.datagrams.getsockname()[1],
            "decoy": self.decoy.pid,
            "descriptor": LEAKED_DESCRIPTOR,
            "enclave_port": int(enclave.url.rsplit(":", 1)[1].split("/")[0]),
            "host_name": socket.gethostname(),
            "memory_bytes": MEMORY_MIB * MEBIBYTE,
            "platform_port": int(platform.url.rsplit(":", 1)[1]),
            "processes": PROCESSES,
            "runtime": platform.enclave_pid,
            "scratch_bytes": SCRATCH_BYTES,
            "secret_file": str(self.secret),
            "shared_memory_key": self.shared_memory_key,
            "vault_key": option[b"--vault-key"],
        }


class Worlds:
    """One platform for each set of layers that is off, started when it is first needed."""

    def __init__(self, folder: Path, ends: ExitStack) -> None:
        self._folder = folder
        self._ends = ends
        self._surroundings = Surroundings(folder, ends)
        self._started: dict[frozenset[str], World] = {}

    def without(self, layers: frozenset[str] = frozenset()) -> World:
        if layers not in self._started:
            self._started[layers] = self._start(layers)
        return self._started[layers]

    def another_tenant(self, world: World) -> World:
        """A client of another account, with the same function, on the same enclave."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        cape = self._ends.enter_context(world.platform.client(folder / "client"))
        return World(folder, world.platform, cape, world.facts)

    def _start(self, off: frozenset[str]) -> World:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        settings = folder / "settings.toml"
        settings.write_text(settings_without(off))
        before = os.environ.get(BINARY_VARIABLE)
        os.environ[BINARY_VARIABLE] = str(self._leaking_program())
        try:
            platform = self._ends.enter_context(
                LocalPlatform(
                    data_folder=folder / "data",
                    config_folder=folder / "config",
                    port=0,
                    settings=settings,
                )
            )
        finally:
            del os.environ[BINARY_VARIABLE]
            if before is not None:
                os.environ[BINARY_VARIABLE] = before
        cape = self._ends.enter_context(platform.client(folder / "client"))
        return World(folder, platform, cape, self._surroundings.facts(platform))

    def _leaking_program(self) -> Path:
        """A program that starts the enclave with an open descriptor that is not for it."""
        script = self._folder / "cape-enclave"
        if not script.exists():
            program = EnclaveProgram.find().binary
            opened = f"exec {LEAKED_DESCRIPTOR}<'{self._surroundings.secret}'"
            script.write_text(f"#!/bin/sh\n{opened}\nexec '{program}' \"$@\"\n")
            script.chmod(0o700)
        return script


def function_folder(folder: Path, isolation: str) -> Path:
    shutil.copytree(HERE / "function", folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "cape.toml").write_text(f'isolation = "{isolation}"\nmemory_mib = {MEMORY_MIB}\n')
    return folder


def settings_without(off: frozenset[str]) -> str:
    def names(layers):
        return ", ".join(f'"{layer}"' for layer in sorted(layers))

    return f"""
mode = "development"
vault_backends = ["file"]

[isolation]
required = [{names(set(REQUIRED) - off)}]
insecure_off = [{names(off)}]

[limits]
processes = {PROCESSES}
scratch_bytes = {SCRATCH_BYTES}
"""
