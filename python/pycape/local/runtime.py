"""The enclave's process: starting it, watching it, starting it again, ending it.

Its standard input is a pipe that nothing is written to. When this process ends, in whatever way,
the pipe closes, and the enclave ends too: it lets the calls under way end first, for as long as its
settings say.
"""

import json
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from pycape.errors import CapeError, ConfigError, ServiceError
from pycape.local.enclave_program import BINARY, BRINGS_ANOTHER, enclave_environment, startup_error
from pycape.local.runs import Reader, Runs
from pycape.server.log import Logger, get_logger

READY_SECONDS = 30
STOP_SECONDS = 8  # beyond the time that its calls have
TERMINATE_SECONDS = 3
QUICK_DEATH_SECONDS = 2
MAX_QUICK_DEATHS = 5
FIRST_DELAY_SECONDS = 0.1
_KEPT_LINES = 20

log: Logger = get_logger()


class Ready(msgspec.Struct, frozen=True):
    """The enclave's first line.

    Its ports for sessions and for its operator, its vault's id and the SHA-384 of its document.
    `stop_grace_s` is how long calls under way may take when it is asked to end.
    """

    port: int
    operate: int
    vault: str
    document: str
    stop_grace_s: int = 0


class _Stopping(msgspec.Struct, frozen=True):
    """Its last line: it was asked to end, by whomever, and takes no new calls."""

    stopping: bool


class RuntimeProcess:
    """One run of the enclave."""

    def __init__(
        self,
        command: Sequence[str | Path],
        on_stopping: Callable[[], None],
        runs: Reader | None = None,
    ) -> None:
        self._on_stopping = on_stopping
        self._runs = runs
        self._patience: float = STOP_SECONDS
        self._word_pump: threading.Thread | None = None
        try:
            # In a session of its own: Ctrl-C is for this process, which ends the enclave in order.
            self._process = subprocess.Popen(
                command,
                env=enclave_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigError(f"{command[0]} does not run: {error}", hint=BRINGS_ANOTHER) from error
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._log_pump = threading.Thread(target=self._pump_log, daemon=True)
        self._log_pump.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ready(self) -> Ready:
        """Wait until it serves; `ConfigError` when it ends instead, or takes too long."""
        deadline = threading.Timer(READY_SECONDS, self._process.kill)
        deadline.daemon = True
        deadline.start()
        try:
            line = _pipe(self._process.stdout).readline()
        finally:
            deadline.cancel()  # also when Ctrl-C ends the wait
        try:
            ready = msgspec.json.decode(line, type=Ready)
        except msgspec.DecodeError as error:
            self.stop()
            said = "\n".join(self._last_lines)
            raise startup_error(f"{BINARY} serve", self._process.returncode, said) from error
        self._patience += ready.stop_grace_s
        self._word_pump = threading.Thread(target=self._pump_words, daemon=True)
        self._word_pump.start()
        return ready

    def wait(self) -> int:
        """Wait until it ends; its status, negative for a signal."""
        status = self._process.wait()
        self._join_word_pump()
        return status

    def hurry(self) -> None:
        """End it without waiting for its calls; for a signal's handler, also during `stop`."""
        self._patience = 0
        self._process.terminate()

    def stop(self) -> None:
        """End it: by closing its input, then by SIGTERM, then by SIGKILL."""
        _pipe(self._process.stdin).close()
        for seconds, harder in (
            (self._patience, self._process.terminate),
            (TERMINATE_SECONDS, self._process.kill),
        ):
            try:
                self._process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                harder()
        self._process.wait()
        self._join_word_pump()
        self._log_pump.join(TERMINATE_SECONDS)
        _pipe(self._process.stdout).close()

    def _join_word_pump(self) -> None:
        # Whoever is told that it stops shall not be told so when another runs in its place.
        if self._word_pump is not None:
            self._word_pump.join(TERMINATE_SECONDS)

    def _pump_words(self) -> None:
        for line in _pipe(self._process.stdout):
            with suppress(msgspec.DecodeError):
                if msgspec.json.decode(line, type=_Stopping).stopping:
                    self._on_stopping()

    def _pump_log(self) -> None:
        with _pipe(self._process.stderr) as stderr:
            for line in stderr:
                if self._runs is not None and self._runs.take(line):
                    continue
                self._last_lines.append(line)
                log.info("enclave", pid=self.pid, said=_parsed(line))
        if self._runs is not None:
            self._runs.end()


class Supervisor:
    """Keeps an enclave running: one that died is started again, a little later each time.

    `command` gives what to start, each time. `on_ready` is told of each start, `on_end` is called
    when one begins to stop and when it has ended. Enclaves that die at once, again and again, are
    given up: `failure` then says why, and `on_failure` is called. `runs` takes what each tells of
    runs.
    """

    def __init__(
        self,
        command: Callable[[], Sequence[str | Path]],
        *,
        on_ready: Callable[[Ready], None],
        on_end: Callable[[], None],
        on_failure: Callable[[], None],
        runs: Runs | None = None,
    ) -> None:
        self._command = command
        self._on_ready = on_ready
        self._on_end = on_end
        self._on_failure = on_failure
        self._runs = runs
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: RuntimeProcess | None = None
        self._thread = threading.Thread(target=self._watch, daemon=True, name="cape-supervisor")
        self.failure: CapeError | None = None

    @property
    def pid(self) -> int | None:
        """The number of the enclave's process."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Start the enclave and wait until it serves; `ConfigError` when it does not."""
        self._launch()
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
            reader = None if self._runs is None else self._runs.reader()
            self._process = RuntimeProcess(self._command(), self._on_end, reader)
        ready = self._process.ready()
        log.info("enclave started", pid=self._process.pid, port=ready.port, operate=ready.operate)
        self._on_ready(ready)

    def _watch(self) -> None:
        quick_deaths = 0
        while not self._stopping.is_set():
            lived = self._live()
            if self._stopping.is_set():
                return
            quick_deaths = quick_deaths + 1 if lived < QUICK_DEATH_SECONDS else 0
            if quick_deaths >= MAX_QUICK_DEATHS:
                self._give_up()
                return
            self._stopping.wait(FIRST_DELAY_SECONDS * 2**quick_deaths)
            self._launch_again()

    def _live(self) -> float:
        """Wait for the enclave's end; the seconds that it lived."""
        process, started = self._process, time.monotonic()
        assert process is not None  # noqa: S101 start() launched the first
        status = process.wait()
        self._on_end()
        if not self._stopping.is_set():
            log.warning("enclave died", pid=process.pid, status=status)
        return time.monotonic() - started

    def _launch_again(self) -> None:
        try:
            self._launch()
        except CapeError as error:
            if not self._stopping.is_set():
                log.error("enclave did not start", error=str(error))

    def _give_up(self) -> None:
        self.failure = ServiceError(
            f"the enclave died {MAX_QUICK_DEATHS} times at once, "
            f"each time within {QUICK_DEATH_SECONDS} s of its start",
            hint="`cape dev -v` shows what it says",
        )
        log.error("enclave given up", error=str(self.failure))
        self._on_failure()


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return line.rstrip("\n")


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # noqa: S101 all three are pipes
    return stream
