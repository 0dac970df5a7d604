"""The control plane of a host, and the store of its enclave, which a service manager starts."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from pycape._profile import Profile
from pycape.errors import ConfigError
from pycape.local import description
from pycape.local.enclave_program import EnclaveProgram
from pycape.local.platform import interrupted_by_signals
from pycape.local.serving import Server, listening_on_loopback, listening_on_unix
from pycape.local.state import StateFolder
from pycape.server import (
    FolderBlobs,
    Placement,
    Platform,
    Records,
    Services,
    create_app,
    create_blob_service,
)

PROFILE_FILE = "profile.toml"


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What a host is told.

    `url` is where clients find the control plane. `enclaves` makes what knows where they find
    enclaves. `platform` is the profile of a platform whose vault is in KMS; without one it is the
    vault of the state. `blobs` is the path of the socket that enclaves reach their store by.
    """

    name: str
    url: str
    enclaves: Callable[[], AbstractContextManager[Placement]]
    platform: Profile | None
    port: int
    blobs: Path


@dataclass(frozen=True, slots=True)
class Host:
    """A host that serves: on `port` of 127.0.0.1. `profile` is the file that clients join by."""

    port: int
    vault: str
    profile: Path


def serve_host(
    state: StateFolder, settings: HostSettings, on_start: Callable[[Host], None]
) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP. Has to be called in the main thread.

    Raises `ConfigError` when the vault is missing, or a port or the state is somebody else's.
    """
    try:
        with interrupted_by_signals(), ExitStack() as started:
            on_start(_start(started, state, settings))
            threading.Event().wait()
    except KeyboardInterrupt:
        pass


def _start(started: ExitStack, state: StateFolder, settings: HostSettings) -> Host:
    if settings.platform is None and not state.has_vault():
        raise ConfigError(
            f"there is no vault in {state.path}",
            hint="`cape vault create` makes one, once; --data-dir names the folder above, "
            "--platform the profile of a vault that is elsewhere",
        )
    started.enter_context(state.locked())
    profile, described = _described(state, settings)
    listener = started.enter_context(listening_on_loopback(settings.port))
    blob_listener, _ = started.enter_context(
        listening_on_unix(settings.blobs.parent, settings.blobs.name)
    )
    records = Records.open(f"sqlite:///{state.records}")
    started.callback(records.close)
    blobs = FolderBlobs(state.blobs)
    placement = started.enter_context(settings.enclaves())
    services = Services(
        records=records, blobs=blobs, placement=placement, platform=lambda: described
    )
    server = Server(
        [(create_app(services), listener), (create_blob_service(blobs), blob_listener)],
        behind_proxy=True,
    )
    server.start()
    started.callback(server.stop)
    path = state.path / PROFILE_FILE
    profile.save(path)
    return Host(listener.getsockname()[1], described.vault, path)


def _described(state: StateFolder, settings: HostSettings) -> tuple[Profile, Platform]:
    """Return what clients join by, and what the platform says of itself."""
    if settings.platform is not None:
        profile = replace(settings.platform, name=settings.name, url=settings.url)
        return profile, description.of_profile(profile)
    program = EnclaveProgram.find()
    vault = state.vault(program)
    measurement = program.measure(state.settings)
    profile = description.profile(settings.name, settings.url, vault, measurement)
    return profile, description.platform(vault, measurement)
