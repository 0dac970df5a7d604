"""The local platform: everything that `cape dev` starts, and ends."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from pycape import Cape, policy
from pycape._account import load_or_create_account
from pycape._config import Config, data_dir
from pycape._profile import Profile
from pycape.errors import ConfigError
from pycape.local import description
from pycape.local.enclave_program import EnclaveProgram
from pycape.local.runs import MOST_PER_SECOND, Runs
from pycape.local.runtime import Ready, RuntimeProcess
from pycape.local.serving import Server, listening_on_loopback, listening_on_unix, port_or_any
from pycape.local.state import StateFolder
from pycape.local.supervisor import Patience, Supervisor
from pycape.server import (
    FolderBlobs,
    LocalPlacement,
    Rate,
    Records,
    Services,
    create_app,
    create_blob_service,
    unix_time,
)

DEFAULT_PORT = 8970
PROFILE_NAME = "local"
PATIENCE = Patience()

# Every client on this machine has the one address 127.0.0.1.
_RATE = Rate(per_second=2000, burst=4000)
_STOP_SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class LocalPlatform:
    """A platform on this machine, for one user; a context manager, or `run()` in the foreground.

    Args:
        data_folder: Where its state is kept; CAPE_DATA_DIR or the user's data folder if None.
        config_folder: Where its profile is written; CAPE_CONFIG_DIR or the user's if None.
        port: The control plane's port on 127.0.0.1; 0 takes a free one.
        settings: The enclave's settings, a TOML file that is measured; those that the state was
            made with if None.
        runs: Is told of what runs in the enclave, whoever asks for it; settings for production do
            not allow it.
        patience: How often an enclave that dies is started again.

    Attributes after the start: `url` of the control plane, `profile` and `profile_path`.

    Raises:
        ConfigError: at the start: the port is taken, another platform uses the state, the program
            `cape-enclave` is missing or refuses to start.
    """

    url: str
    profile: Profile
    profile_path: Path

    def __init__(
        self,
        *,
        data_folder: Path | None = None,
        config_folder: Path | None = None,
        port: int = DEFAULT_PORT,
        settings: Path | None = None,
        runs: Runs | None = None,
        patience: Patience = PATIENCE,
    ) -> None:
        self._settings = settings
        self._runs = runs
        self._patience = patience
        self.state: StateFolder = StateFolder((data_folder or data_dir()).absolute() / "local")
        self._config = Config(config_dir=config_folder)
        self._port = port
        self._placement = LocalPlacement(unix_time)
        self._failed = threading.Event()
        self._operate = 0
        self._supervisor: Supervisor[RuntimeProcess] | None = None
        self._running = ExitStack()

    @property
    def enclave_pid(self) -> int | None:
        """The number of the enclave's process, for as long as there is one."""
        return None if self._supervisor is None else self._supervisor.pid

    @property
    def placement(self) -> LocalPlacement:
        """Where the enclave is."""
        return self._placement

    @property
    def enclave_url(self) -> str:
        """Where the enclave tells how it does; the same after its restarts, unless it was taken."""
        return f"http://127.0.0.1:{self._operate}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the control plane and the enclave; returns when both serve."""
        with ExitStack() as started:
            self._start(started)
            self._running = started.pop_all()

    def stop(self) -> None:
        """End everything that `start` started, the enclave first.

        New calls are refused from now on; those under way have some time to end.
        """
        self._running.close()

    def wait(self) -> None:
        """Wait until the enclave has died too often to go on; raises `ServiceError` then."""
        self._failed.wait()
        if self._supervisor is not None and self._supervisor.failure is not None:
            raise self._supervisor.failure

    def run(
        self,
        on_start: Callable[["LocalPlatform"], None] = lambda _platform: None,
        meanwhile: Callable[["LocalPlatform"], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """Start, call `on_start`, and go on until SIGINT, SIGTERM or SIGHUP; then stop.

        `meanwhile` is entered while it goes on, and left before it stops. A second signal
        ends calls that are still under way. Has to be called in the main thread.

        Raises what `start` and `wait` raise.
        """
        try:
            with interrupted_by_signals(self._hurry), self:
                on_start(self)
                with meanwhile(self):
                    self.wait()
        except KeyboardInterrupt:
            pass

    def client(self, folder: Path) -> Cape:
        """Return a client with a configuration of its own in `folder`, whatever is set elsewhere.

        Its account is the one whose key is there, or a new one.
        """
        config = Config(config_dir=folder)
        config.install_profile(self.profile, make_default=True)
        load_or_create_account(config.account_key_file, announce=False)
        return Cape(
            self.url,
            profile=self.profile.name,
            policy=policy.Policy.from_toml(self.profile.policy_toml),
            config_dir=folder,
        )

    def _start(self, started: ExitStack) -> None:
        self._config.check_free_here(PROFILE_NAME)
        started.enter_context(self.state.locked())
        program = EnclaveProgram.find()
        vault = self.state.vault(program)
        if vault.kms is not None:
            raise ConfigError(
                f"the vault of {self.state.path} is kept by KMS, and no local platform asks it",
                hint="CAPE_DATA_DIR names another folder; `cape host serve` is for platforms like "
                "this one",
            )
        settings = self._settings or self.state.settings
        measurement = program.measure(settings)
        listener = started.enter_context(listening_on_loopback(self._port))
        blob_listener, blob_path = started.enter_context(
            listening_on_unix(self.state.run, "blobs.sock")
        )
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        records = Records.open(f"sqlite:///{self.state.records}")
        started.callback(records.close)
        blobs = FolderBlobs(self.state.blobs)
        described = description.platform(vault, measurement)
        services = Services(
            records=records,
            blobs=blobs,
            placement=self._placement,
            platform=lambda: described,
        )
        server = Server(
            [
                (create_app(services, rate=_RATE, total=_RATE), listener),
                (create_blob_service(blobs), blob_listener),
            ]
        )
        server.start()
        started.callback(server.stop)

        def launch() -> RuntimeProcess:
            command = program.serve(
                settings=settings,
                nsm=self.state.nsm,
                key=self.state.vault_key,
                vault=vault.vault,
                blobs=blob_path,
                operate=port_or_any(self._operate),
                log_runs=None if self._runs is None else MOST_PER_SECOND,
            )
            reader = None if self._runs is None else self._runs.reader()
            return RuntimeProcess(command, self._placement.withdraw, reader)

        self._supervisor = Supervisor(
            launch,
            on_ready=self._place,
            on_end=self._placement.withdraw,
            on_failure=self._failed.set,
            patience=self._patience,
            hint="`cape dev -v` shows what it says",
        )
        started.callback(self._supervisor.stop)
        started.callback(self._placement.withdraw)
        self._supervisor.start()

        self.profile = description.profile(PROFILE_NAME, self.url, vault, measurement)
        self._config.forget_another(self.profile)
        self.profile_path = self._config.install_profile(self.profile, make_default=True)

    def _hurry(self) -> None:
        if self._supervisor is not None:
            self._supervisor.hurry()

    def _place(self, _process: RuntimeProcess, ready: Ready) -> None:
        self._operate = ready.operate
        self._placement.register(f"ws://127.0.0.1:{ready.port}/v2/session")


@contextmanager
def interrupted_by_signals(again: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into `KeyboardInterrupt`; call `again` for others.

    So what has to be ended is ended, once. For the main thread.
    """
    interrupted = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # Once: what is being ended then shall not be interrupted again.
        nonlocal interrupted
        if interrupted:
            again()
            return
        interrupted = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
