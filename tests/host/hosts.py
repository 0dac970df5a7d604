"""Hosts: an agent in a process of its own, beside a control plane that it reports to."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
from tests.e2e.processes import wait_until
from tests.images.made import image_files
from tests.ports import free_port

from pycape import Cape, images
from pycape._config import Config
from pycape._profile import Profile
from pycape.host.status import HostStatus, ask
from pycape.local.enclave_program import EnclaveProgram
from pycape.server.admissions import admit

CAPE = [sys.executable, "-c", "from pycape.cli import main; main()"]


def can_listen_on_vsock() -> bool:
    """Tell whether a test may be what enclaves reach for blobs (docs/spec/enclave.md)."""
    try:
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as listener:
            listener.bind((socket.VMADDR_CID_ANY, 7010))
    except OSError:
        return False
    return True


def image_in(folder: Path, mebibytes: int = 0) -> Path:
    """Build an image that nothing can boot, of so many MiB and some more."""
    image_files(folder / "sources")
    recipe = folder / "sources" / "image.toml"
    if mebibytes:
        (folder / "sources" / "weight").write_bytes(os.urandom(mebibytes << 20))
        recipe.write_text(f'{recipe.read_text()}\n[[file]]\npath = "weight"\nsource = "weight"\n')
    return images.build(images.read_recipe(recipe), folder / "cape.eif").path


class Service:
    """A command that goes on: its first line, and its log."""

    def __init__(self, folder: Path, name: str, *words: object):
        self.log_file = folder / f"{name}.log"
        self._log = self.log_file.open("a")
        self.process = subprocess.Popen(
            [*CAPE, *map(str, words), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "TMPDIR": str(folder)},
        )
        line = self.process.stdout.readline()
        assert line, self.log_file.read_text()
        self.data = json.loads(line)["data"]

    def logged(self, event: str) -> int:
        """How often the log tells of something."""
        return self.log_file.read_text().count(f'"event": "{event}"')

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end, and wait; its status."""
        self.process.send_signal(number)
        return self.process.wait(90)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self._log.close()


class Platform:
    """A control plane that hosts report to, with the vault of a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.state = folder / "state" / "local"
        data = ("--data-dir", folder / "state")
        made = subprocess.run([*CAPE, "vault", "create", *data, "--json"], stdout=-1, check=True)
        self.vault = json.loads(made.stdout)["data"]["vault"]
        self.blobs = folder / "run" / "blobs.sock"
        self.serve = ("host", "serve", *data, "--port", "0", "--blobs", self.blobs)

    def start(self) -> Service:
        port = free_port()
        words = ("--port", port, "--control", f"http://127.0.0.1:{port}")
        service = Service(self.folder, "control", *self.serve, *words, "--hosts")
        self.url = service.data["url"]
        return service

    def admit(self, name: str) -> Path:
        """Let a host report; the file of its token."""
        file, token = self.folder / f"{name}.token", secrets.token_hex(32)
        file.touch(0o600)
        file.write_text(f"{token}\n")
        admit(self.state / "hosts.json", name, token)
        return file

    def configuration(self, name: str = "one", **changes: object) -> Path:
        """Write what a host of processes is told."""
        sessions = free_port()
        process = {
            "settings": str(self.state / "settings.toml"),
            "nsm": str(self.state / "nsm"),
            "vault_key": str(self.state / "vault.key"),
            "python": str(EnclaveProgram.find().python),
        }
        told = {
            "name": name,
            "launcher": "process",
            "url": f"ws://127.0.0.1:{sessions}/v2/session",
            "vault": self.vault,
            "run_dir": str(self.folder / name),
            "blobs": str(self.blobs),
            "listen": {"sessions": sessions, "enclaves": 0, "operate": 0},
            "control_plane": {"urls": [self.url], "token_file": str(self.admit(name))},
            "process": process,
            **changes,
        }
        path = self.folder / f"{name}.toml"
        path.write_text(toml({key: it for key, it in told.items() if it is not None}))
        return path

    def client(self) -> Cape:
        """A client that joined by the profile that the control plane wrote."""
        folder = self.folder / "client"
        profile = Profile.load(self.state / "profile.toml")
        Config(config_dir=folder).install_profile(profile, make_default=True)
        return Cape(config_dir=folder)

    def readiness(self) -> str:
        return httpx.get(f"{self.url}/readyz", timeout=60).json()["checks"]["placement"]


def toml(told: dict[str, object]) -> str:
    """Write a configuration; JSON's texts, integers and lists are TOML's."""
    values = {key: it for key, it in told.items() if not isinstance(it, dict)}
    plain = [
        f"{key} = {it if isinstance(it, float) else json.dumps(it)}" for key, it in values.items()
    ]
    tables = [f"\n[{key}]\n{toml(value)}" for key, value in told.items() if isinstance(value, dict)]
    return "\n".join([*plain, *tables])


def states(configuration: Path) -> list[str]:
    """How the enclaves of a host do."""
    return [each.state for each in status(configuration).enclaves]


def status(configuration: Path) -> HostStatus:
    return ask(configuration.parent / configuration.stem)


def serve(configuration: Path, seconds: float = 60) -> HostStatus:
    """Wait until all enclaves of a host serve."""
    wait_until(lambda: set(states(configuration)) == {"serving"}, seconds)
    return status(configuration)
