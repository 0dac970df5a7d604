"""The agent: it starts the enclaves of a host, keeps them up, and ends them in order."""

import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pycape.errors import CapeError, ServiceError
from pycape.host.configuration import Configuration
from pycape.host.data_path import (
    DataPath,
    Ports,
    Route,
    supervision_folder,
)
from pycape.host.health import Health, HealthWatch, State
from pycape.host.launchers import Launcher, launcher_of
from pycape.host.reports import Reports
from pycape.host.status import EnclaveStatus, HostStatus, StatusService
from pycape.host.store import store
from pycape.host.supervision import Supervision
from pycape.local.platform import interrupted_by_signals
from pycape.local.runtime import Ready
from pycape.local.supervisor import Patience, Running, Supervisor
from pycape.server import HostReport
from pycape.server.log import Logger, get_logger

# A machine boots for seconds, and what keeps it from booting seldom passes at once.
PATIENCE = Patience(first_delay=1, quick_death=60, most=5)

log: Logger = get_logger()


@dataclass(frozen=True, slots=True)
class Started:
    """A host that runs: where it listens on 127.0.0.1."""

    ports: Ports


class Agent:
    """The agent of one host."""

    def __init__(self, configuration: Configuration, patience: Patience = PATIENCE) -> None:
        self._configuration = configuration
        self._patience = patience
        self._instance = secrets.token_hex(16)
        self._enclaves: list[_Enclave] = []
        self._ended = threading.Event()
        self._failure: CapeError | None = None
        self._draining = False
        self._measurement: str | None = None
        self._reports: Reports | None = None
        self._ports = Ports(0, 0, [])

    def run(self, on_start: Callable[[Started], None]) -> None:
        """Run until SIGINT, SIGTERM or SIGHUP, then drain; a second signal ends calls at once.

        Has to be called in the main thread.

        Raises:
            ConfigError: something of the configuration cannot be had.
            ServiceError: every enclave was given up, or the data path ended.
        """
        try:
            with interrupted_by_signals(self._hurry), ExitStack() as started:
                self._start(started)
                on_start(Started(self._ports))
                self._ended.wait()
        except KeyboardInterrupt:
            return
        if self._failure is not None:
            raise self._failure

    def status(self) -> HostStatus:
        """Return how the host does."""
        return HostStatus(
            name=self._configuration.name,
            launcher=self._configuration.launcher,
            pid=os.getpid(),
            draining=self._draining,
            sessions=self._ports.sessions,
            operate=self._ports.operate,
            enclaves=[enclave.status() for enclave in self._enclaves],
            control_planes=self._reports.heard() if self._reports is not None else {},
        )

    def report(self) -> HostReport:
        """Return what control planes are told."""
        serving = [each.health for each in self._enclaves if each.state() == "serving"]
        return HostReport(
            url=self._configuration.url,
            vault=self._configuration.vault,
            instance=self._instance,
            enclaves=len(serving),
            slots=sum(health.slots for health in serving),
            calls=sum(health.calls for health in serving),
            draining=self._draining,
            measurement=self._measurement,
        )

    def _start(self, started: ExitStack) -> None:
        configuration = self._configuration
        supervision = Supervision(supervision_folder(configuration), configuration.enclaves)
        launcher = launcher_of(configuration, supervision)
        self._measurement = launcher.measurement()
        started.enter_context(StatusService(configuration.folder, self.status))
        if configuration.blob_folder is not None:
            started.enter_context(store(Path(configuration.blob_folder), configuration.blob_socket))
        if configuration.image is not None:
            started.enter_context(supervision)
        data_path = DataPath(configuration, self._data_path_ended)
        started.callback(data_path.stop)
        self._ports = data_path.ports
        self._enclaves = [
            _Enclave(number, launcher, data_path, self._patience, self._given_up)
            for number in range(configuration.enclaves)
        ]
        if configuration.control_plane is not None:
            self._reports = Reports(configuration.name, configuration.control_plane, self.report)
            started.callback(self._reports.stop)
        started.callback(self._drain)
        for enclave in self._enclaves:
            enclave.start()

    def _drain(self) -> None:
        log.info("host drains")
        self._draining = True
        if self._reports is not None:
            self._reports.tell_now()  # so that clients are led elsewhere meanwhile
        with ThreadPoolExecutor(max(1, len(self._enclaves))) as threads:
            list(threads.map(_Enclave.stop, self._enclaves))
        log.info("host ended")

    def _hurry(self) -> None:
        for enclave in self._enclaves:
            enclave.hurry()

    def _given_up(self) -> None:
        if all(enclave.failure is not None for enclave in self._enclaves):
            self._end(
                ServiceError(
                    "every enclave of this host was given up",
                    hint="the log has what each said; the service manager starts the agent again",
                )
            )

    def _data_path_ended(self) -> None:
        self._end(
            ServiceError("the data path ended", hint="the log has its last words: report them")
        )

    def _end(self, failure: CapeError) -> None:
        self._failure = self._failure or failure
        self._ended.set()


class _Enclave:
    """One of the host's enclaves, through all its lives."""

    def __init__(
        self,
        number: int,
        launcher: Launcher,
        data_path: DataPath,
        patience: Patience,
        on_failure: Callable[[], None],
    ) -> None:
        self._number = number
        self._launcher = launcher
        self._data_path = data_path
        self._route: Route | None = None
        self._stopping = False
        self._watch: HealthWatch | None = None
        self._supervisor: Supervisor[Running] = Supervisor(
            lambda: launcher.launch(number, self._begins_to_stop),
            on_ready=self._serve,
            on_end=self._withdraw,
            on_failure=on_failure,
            patience=patience,
            hint="the lines before this one say why",
        )

    @property
    def failure(self) -> CapeError | None:
        """Why it was given up, if it was."""
        return self._supervisor.failure

    @property
    def health(self) -> Health:
        """How it does, as it says itself."""
        return Health() if self._watch is None else self._watch.last

    def state(self) -> State:
        """Return how far it has come."""
        if self.failure is not None:
            return "given up"
        if self._stopping:
            return "stopping"
        if self._route is None:
            return "starting"
        return "serving" if self.health.ready else "not ready"

    def status(self) -> EnclaveStatus:
        """Return how it does."""
        state = self.state()
        return EnclaveStatus(
            number=self._number,
            state=state,
            pid=self._supervisor.pid or None,
            starts=self._supervisor.starts,
            operate=self._data_path.ports.enclaves[self._number],
            slots=self.health.slots,
            calls=self.health.calls,
            failed_checks=list(self.health.failed_checks) if state == "not ready" else [],
            failure=None if self.failure is None else str(self.failure),
        )

    def start(self) -> None:
        """Start it, as often as it takes."""
        port = self._data_path.ports.enclaves[self._number]
        self._watch = HealthWatch(port, lambda: self._route is not None)
        self._supervisor.start_meanwhile()

    def hurry(self) -> None:
        """Let its end not wait for calls."""
        self._supervisor.hurry()

    def stop(self) -> None:
        """End it in order, for good."""
        self._begins_to_stop()
        self._supervisor.stop()
        if self._watch is not None:
            self._watch.stop()

    def _serve(self, _running: Running, ready: Ready) -> None:
        self._route = self._launcher.route(self._number, ready)
        self._stopping = False
        self._data_path.lead(self._number, self._route)

    def _begins_to_stop(self) -> None:
        self._stopping = True
        if self._route is not None:
            self._data_path.lead(self._number, Route(operate=self._route.operate))

    def _withdraw(self) -> None:
        self._route, self._stopping = None, False
        self._data_path.lead(self._number, Route())
