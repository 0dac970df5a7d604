"""The enclave's process: starting it, hearing what it says, ending it.

Its standard input is a pipe that nothing is written to. When this process ends, in whatever way,
the pipe closes, and the enclave ends too: it lets the calls under way end first, for as long as its
settings say.
"""

import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from pycape.errors import ConfigError
from pycape.local.child_streams import parsed, piped
from pycape.local.enclave_program import BINARY, BRINGS_ANOTHER, enclave_environment, startup_error
from pycape.local.runs import Reader
from pycape.server.log import Logger, get_logger

READY_SECONDS = 30
STOP_SECONDS = 8  # beyond the time that its calls have
TERMINATE_SECONDS = 3
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
            line = piped(self._process.stdout).readline()
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
        piped(self._process.stdin).close()
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
        piped(self._process.stdout).close()

    def _join_word_pump(self) -> None:
        # Whoever is told that it stops shall not be told so when another runs in its place.
        if self._word_pump is not None:
            self._word_pump.join(TERMINATE_SECONDS)

    def _pump_words(self) -> None:
        for line in piped(self._process.stdout):
            with suppress(msgspec.DecodeError):
                if msgspec.json.decode(line, type=_Stopping).stopping:
                    self._on_stopping()

    def _pump_log(self) -> None:
        with piped(self._process.stderr) as stderr:
            for line in stderr:
                if self._runs is not None and self._runs.take(line):
                    continue
                self._last_lines.append(line)
                log.info("enclave", pid=self.pid, said=parsed(line))
        if self._runs is not None:
            self._runs.end()
