"""Keeping an enclave running, whatever it runs as."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pycape.errors import CapeError, ServiceError
from pycape.local.runtime import Ready
from pycape.server.log import Logger, get_logger

log: Logger = get_logger()


class Running(Protocol):
    """One run of an enclave, from its start to its end."""

    @property
    def pid(self) -> int:
        """The number of its process here."""

    def ready(self) -> Ready:
        """Wait until it serves; `ConfigError` when it ends instead, or takes too long."""

    def wait(self) -> int:
        """Wait until it ends; its status, negative for a signal."""

    def hurry(self) -> None:
        """End it without waiting for its calls; for a signal's handler, also during `stop`."""

    def stop(self) -> None:
        """End it, when its calls have ended or had the time that they have."""


R = TypeVar("R", bound=Running)


@dataclass(frozen=True, slots=True)
class Patience:
    """How often an enclave that dies is started again, and how soon.

    Each start waits twice as long as the one before it, `first_delay` seconds at first. One that
    lived `quick_death` seconds begins anew with that; one that dies sooner `most` times in a row is
    given up.
    """

    first_delay: float = 0.1
    quick_death: float = 2
    most: int = 5


class Supervisor(Generic[R]):
    """Keeps an enclave running: one that died is started again, a little later each time.

    `launch` starts it, each time. `on_ready` is told of each start, `on_end` is called when one has
    ended. Enclaves that die at once, again and again, are given up: `failure` then says why, with
    `hint` for where to look, and `on_failure` is called.
    """

    def __init__(
        self,
        launch: Callable[[], R],
        *,
        on_ready: Callable[[R, Ready], None],
        on_end: Callable[[], None],
        on_failure: Callable[[], None],
        patience: Patience,
        hint: str,
    ) -> None:
        self._launch_one = launch
        self._on_ready = on_ready
        self._on_end = on_end
        self._on_failure = on_failure
        self._patience = patience
        self._hint = hint
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: R | None = None
        self._started = False  # it has served, so its end is news of its own
        self._thread = threading.Thread(target=self._watch, daemon=True, name="cape-supervisor")
        self.failure: CapeError | None = None
        self.starts: int = 0

    @property
    def pid(self) -> int | None:
        """The number of the enclave's process."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Start the enclave and wait until it serves; `ConfigError` when it does not."""
        self._launch()
        self._thread.start()

    def start_meanwhile(self) -> None:
        """Start the enclave, as often as it takes, while the caller goes on."""
        self._thread.start()

    def hurry(self) -> None:
        """Let the end that `stop` asks for not wait for calls; for a signal's handler."""
        process = self._process
        if process is not None:
            process.hurry()

    def stop(self) -> None:
        """End the enclave for good, when its calls have ended or had the time that they have."""
        self._stopping.set()
        with self._lock:
            if self._process is not None:
                self._process.stop()
        if self._thread.ident is not None:
            self._thread.join()

    def _launch(self) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            self._process, self._started = None, False
            self._process = process = self._launch_one()
        ready = process.ready()
        self._started = True
        self.starts += 1
        log.info("enclave started", pid=process.pid, port=ready.port, operate=ready.operate)
        self._on_ready(process, ready)

    def _watch(self) -> None:
        if self._process is None:
            self._launch_again()
        quick_deaths = 0
        while not self._stopping.is_set():
            lived = self._live()
            if self._stopping.is_set():
                return
            quick_deaths = quick_deaths + 1 if lived < self._patience.quick_death else 0
            if quick_deaths >= self._patience.most:
                self._give_up()
                return
            self._stopping.wait(self._patience.first_delay * 2**quick_deaths)
            self._launch_again()

    def _live(self) -> float:
        """Wait for the enclave's end; the seconds that it lived."""
        process, started = self._process, time.monotonic()
        if process is None:  # it was not even started
            return 0
        status = process.wait()
        self._on_end()
        if self._started and not self._stopping.is_set():
            log.warning("enclave died", pid=process.pid, status=status)
        return time.monotonic() - started

    def _launch_again(self) -> None:
        try:
            self._launch()
        except CapeError as error:
            if not self._stopping.is_set():
                log.error("enclave did not start", error=str(error), hint=error.hint)
        except Exception:  # a defect: an enclave that nobody watches would never be given up
            log.exception("enclave did not start")

    def _give_up(self) -> None:
        self.failure = ServiceError(
            f"the enclave died {self._patience.most} times at once, "
            f"each time within {self._patience.quick_death} s of its start",
            hint=self._hint,
        )
        log.error("enclave given up", error=str(self.failure))
        self._on_failure()
