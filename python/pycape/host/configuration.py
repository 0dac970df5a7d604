"""What a host is told: one file, read strictly. docs/operate/hosts.md has each key."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from pycape import _address
from pycape._files import read_text
from pycape.errors import ConfigError
from pycape.local.kms import KmsKey
from pycape.local.serving import MAX_SOCKET_PATH_BYTES
from pycape.server.messages import HostName

# What the longest socket in it takes of what the path of one can have.
MAX_FOLDER_BYTES = MAX_SOCKET_PATH_BYTES - len("/guests/63/host_9000")

# Where `cape host serve` has the store, unless it is told otherwise.
DEFAULT_BLOBS = "/run/cape/blobs.sock"

_OWN_BLOBS = "blobs.sock"
_SEE = "docs/operate/hosts.md has each key"
_LAST_PORT = 65535

Port = Annotated[int, msgspec.Meta(ge=0, le=_LAST_PORT)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=86400)]
MebiBytes = Annotated[int, msgspec.Meta(ge=64, le=1 << 22)]
Line = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
Word = Annotated[Line, msgspec.Meta(max_length=4096)]
FilePath = Word
Url = Annotated[Line, msgspec.Meta(max_length=2048)]
ServerName = Annotated[Line, msgspec.Meta(max_length=253)]
Credentials = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(environment|instance|file:[^\x00-\x1f\x7f]+)\Z", min_length=1, max_length=4096
    ),
]
LimitName = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,64}\Z")]
Limit = (
    Annotated[int, msgspec.Meta(ge=0, le=(1 << 53) - 1)]
    | Annotated[float, msgspec.Meta(ge=0, le=1e9)]
)


class Listen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ports of 127.0.0.1; 0 is any that is free.

    `sessions` is for clients, `operate` for the operator of the data path itself, `enclaves` for
    that of the first enclave; those of the others count up.
    """

    sessions: Port = 8971
    enclaves: Port = 9464
    operate: Port = 9470


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of the data path: connections of clients at a time, and how long one may be silent."""

    connections: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 4096
    idle_s: Annotated[int, msgspec.Meta(ge=1, le=604_800)] = 7200


class ControlPlane(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who is told of this host: each control plane's address, and the file of its token."""

    urls: Annotated[list[Url], msgspec.Meta(min_length=1, max_length=16)]
    token_file: FilePath


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What boots, and what each enclave gets; the first has `first_cid`, the others count up."""

    file: FilePath
    memory_mib: MebiBytes
    cpus: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 2
    first_cid: Annotated[int, msgspec.Meta(ge=4, le=0x7FFF_FFFF)] = 16


class NitroCli(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`lock` is the file that starts on one machine wait for, since they cannot be side by side.

    `insecure_debug` starts enclaves whose console is shown in the log, and which clients refuse.
    """

    program: FilePath = "nitro-cli"
    insecure_debug: bool = False
    lock: FilePath = "/run/cape-host/nitro-cli.lock"
    start_timeout_s: Seconds = 300


class Qemu(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which programs a machine of QEMU's takes.

    `backend` is the command of a vhost-user-vsock backend, in which {socket}, {folder} and {cid}
    are filled in: it makes the socket for QEMU, and serves the folder's sockets.
    """

    backend: Annotated[list[Word], msgspec.Meta(min_length=1, max_length=256)]
    program: FilePath = "qemu-system-x86_64"
    options: Annotated[list[Word], msgspec.Meta(max_length=256)] = []
    start_timeout_s: Seconds = 300


class Process(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The runtime as a process, with a simulated security module: for development."""

    settings: FilePath
    nsm: FilePath
    vault_key: FilePath
    python: FilePath | None = None


class Kms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How an enclave gets the vault's secret.

    `credentials` says where those of AWS come from: `environment`, `instance` (the role of the EC2
    instance), or `file:PATH`, JSON.
    """

    region: Word
    endpoint: ServerName
    key_id: Word
    wrapped_file: FilePath
    credentials: Credentials = "instance"
    imds_url: Url = "http://169.254.169.254"
    port: Annotated[int, msgspec.Meta(ge=1, le=_LAST_PORT)] = 443


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One host: how many enclaves it has and as what they run, and all that they need.

    Their store is another's, whose socket is `blobs`, or the agent's own, in `blob_folder`.
    """

    name: HostName
    launcher: Literal["nitro-cli", "process", "qemu"]
    url: Url
    vault: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$(?!\n)")] = ""
    enclaves: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1
    run_dir: FilePath = "/run/cape-host"
    blobs: FilePath | None = None
    blob_folder: FilePath | None = None
    listen: Listen = Listen()
    limits: Limits = Limits()
    runtime_limits: Annotated[dict[LimitName, Limit], msgspec.Meta(max_length=64)] = {}
    control_plane: ControlPlane | None = None
    image: Image | None = None
    nitro_cli: NitroCli = NitroCli()
    qemu: Qemu | None = None
    process: Process | None = None
    kms: Kms | None = None

    @property
    def folder(self) -> Path:
        """Where its sockets are."""
        return Path(self.run_dir)

    @property
    def blob_socket(self) -> Path:
        """Where the store of its enclaves answers."""
        if self.blob_folder is not None:
            return self.folder / _OWN_BLOBS
        return Path(self.blobs or DEFAULT_BLOBS)


def load(path: Path, *, unborn: bool = False) -> Configuration:
    """Read the file. With `unborn` it may leave out the vault, which is to be made.

    Raises:
        ConfigError: there is none, or something in it is not as it has to be: what, and where.
    """
    text = read_text(path)
    if text is None:
        raise ConfigError(
            f"there is no file {path}", hint=f"deploy/systemd/host.toml is an example; {_SEE}"
        )
    try:
        configuration = msgspec.toml.decode(text, type=Configuration)
        _check(configuration)
        if not (configuration.vault or unborn):
            raise ValueError("it does not say which `vault` its enclaves have")
    except (ValueError, RecursionError) as error:  # of TOML, and what msgspec says
        raise ConfigError(f"{path}: {error}", hint=_SEE) from error
    return configuration


def _check(found: Configuration) -> None:
    """Refuse what contradicts itself, or has not the form of what it names; `ValueError`."""
    _address.enclave(found.url)
    for url in found.control_plane.urls if found.control_plane else ():
        _address.control_plane(url)
    _check_socket("run_dir", found.run_dir, MAX_FOLDER_BYTES)
    if found.blobs is not None:
        _check_socket("blobs", found.blobs, MAX_SOCKET_PATH_BYTES)
        if found.blob_folder is not None:
            raise ValueError("blobs is another's store and blob_folder its own: leave out one")
    _check_ports(found)
    if found.kms is not None:
        _check_kms(found.kms)
    if found.launcher == "process":
        _belongs("process", needed=found.process, none=("image", "qemu", "kms"), of=found)
        if found.runtime_limits:
            raise ValueError("runtime_limits are for enclaves; a process has them in its settings")
        return
    needed = found.image if found.launcher == "nitro-cli" or found.qemu else None
    unwanted = ("process", "qemu") if found.launcher == "nitro-cli" else ("process",)
    _belongs("image" if found.image is None else "qemu", needed=needed, none=unwanted, of=found)


def _check_socket(key: str, path: str, most: int) -> None:
    if (size := len(path.encode())) > most:
        raise ValueError(f"{key} has {size} bytes, and sockets leave it {most}")


def _check_ports(found: Configuration) -> None:
    listen, enclaves = found.listen, found.enclaves
    last = listen.enclaves + enclaves - 1
    if last > _LAST_PORT:
        raise ValueError(
            f"listen.enclaves = {listen.enclaves} leaves no port for each of {enclaves}"
        )
    of_enclaves = range(listen.enclaves, last + 1) if listen.enclaves else range(0)
    ports = [port for port in (listen.sessions, listen.operate, *of_enclaves) if port]
    twice = next((port for port in ports if ports.count(port) > 1), None)
    if twice is not None:
        raise ValueError(f"[listen] has port {twice} twice: those of enclaves count up")


def _check_kms(kms: Kms) -> None:
    try:
        KmsKey.of(kms.key_id, kms.region)
    except ConfigError as error:
        raise ValueError(f"[kms]: {error}") from error
    if ":" in kms.endpoint or not _address.is_host(kms.endpoint):
        raise ValueError(f"kms.endpoint = {kms.endpoint!r} is no host name")
    _address.metadata_service(kms.imds_url)


def _belongs(section: str, *, needed: object, none: tuple[str, ...], of: Configuration) -> None:
    if needed is None:
        raise ValueError(f"launcher {of.launcher!r} needs a section [{section}]")
    for each in none:
        if getattr(of, each) is not None:
            raise ValueError(f"launcher {of.launcher!r} has no section [{each}]")
