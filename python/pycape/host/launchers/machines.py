"""Enclaves as machines of their own: what is the same whatever runs them."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Protocol, TypeVar

import msgspec

from pycape.host import instructions
from pycape.host.configuration import Configuration
from pycape.host.data_path import Route
from pycape.host.supervision import Conversation, Supervision, no_more_said
from pycape.local.child_streams import parsed
from pycape.local.runtime import STOP_SECONDS, Ready
from pycape.server.log import Logger, get_logger

END_SECONDS = 10  # from its last word to its end
_KEPT_LINES = 20
_POLL_SECONDS = 0.1

S = TypeVar("S", bound=msgspec.Struct)

log: Logger = get_logger()


class Machine(Protocol):
    """One machine, from its start to its end."""

    @property
    def pid(self) -> int:
        """The number of its process on the host; 0 before it has one."""

    def start(self) -> None:
        """Start it; `ConfigError` when that fails, and it is gone then. Takes its time."""

    def wait(self, seconds: float) -> bool:
        """Wait for its end; whether it came in this time."""

    def terminate(self) -> None:
        """End it at once, also while it starts; it is gone on return."""


class Machines(Protocol):
    """Makes machines of one kind."""

    start_seconds: float
    measurement: str | None

    def machine(self, number: int) -> Machine:
        """Make the machine of an enclave; it does not run yet."""

    def route(self, number: int) -> Route:
        """Return where the machine takes bytes."""


class _Stopping(msgspec.Struct, frozen=True):
    stopping: bool


class Guest:
    """One enclave that is a machine: its start, what it says, its end."""

    def __init__(
        self,
        machine: Machine,
        hello: Callable[[], bytes],
        converse: Callable[[threading.Event], Conversation],
        start_seconds: float,
        on_stopping: Callable[[], None],
    ) -> None:
        self._machine = machine
        self._hello = hello
        self._converse = converse
        self._start_seconds = start_seconds
        self._on_stopping = on_stopping
        self._conversation: Conversation | None = None
        self._patience: float = STOP_SECONDS
        self._hurried = threading.Event()
        self._stopped = threading.Event()
        self._silent = threading.Event()  # it has said its last word
        self._in_order = False
        self._last_lines: deque[str] = deque(maxlen=_KEPT_LINES)

    @property
    def pid(self) -> int:
        """The number of the machine's process."""
        return self._machine.pid

    def ready(self) -> Ready:
        """Start the machine, tell it what it needs, and wait until it serves."""
        try:
            return self._begin()
        except BaseException:
            self._machine.terminate()
            self._silent.set()
            raise

    def wait(self) -> int:
        """Wait for its end; 0 if it said before that it ends, else 1."""
        self._silent.wait()
        if not self._machine.wait(END_SECONDS):
            self._machine.terminate()
        return 0 if self._in_order else 1

    def hurry(self) -> None:
        """Let `stop` not wait for calls."""
        self._hurried.set()

    def stop(self) -> None:
        """Ask it to end, give it the time that its calls have, and end its machine."""
        self._stopped.set()
        if self._conversation is not None:
            self._conversation.end()
            asked = time.monotonic()
            while time.monotonic() - asked < self._patience and not self._hurried.is_set():
                if self._silent.wait(_POLL_SECONDS) and self._machine.wait(_POLL_SECONDS):
                    break
        self._machine.terminate()
        if self._conversation is not None:
            self._silent.wait(END_SECONDS)
            self._conversation.close()

    def _begin(self) -> Ready:
        self._hello()  # what it lacks fails before a boot
        self._machine.start()
        conversation = self._converse(self._stopped)
        # Made anew: a start may wait for others, and credentials are over some time.
        conversation.tell(self._hello())
        self._conversation = conversation
        deadline = time.monotonic() + self._start_seconds
        while (line := conversation.line(deadline - time.monotonic())) is not None:
            ready = _as(Ready, line)
            if ready is not None:
                self._patience += ready.stop_grace_s
                threading.Thread(target=self._pump, daemon=True, name="cape-guest").start()
                return ready
            self._note(line)
        raise no_more_said(self._last_lines, self._start_seconds, deadline)

    def _pump(self) -> None:
        assert self._conversation is not None  # noqa: S101 `_begin` has it
        while (line := self._conversation.line()) is not None:
            if _as(_Stopping, line) is not None:
                self._in_order = True
                self._on_stopping()
            else:
                self._note(line)
        self._silent.set()

    def _note(self, line: str) -> None:
        self._last_lines.append(line)
        log.info("enclave", pid=self.pid, said=parsed(line))


class MachineLauncher:
    """Starts machines, and tells each by supervision what it needs."""

    def __init__(
        self, configuration: Configuration, machines: Machines, supervision: Supervision
    ) -> None:
        self._configuration = configuration
        self._machines = machines
        self._supervision = supervision

    def launch(self, number: int, on_stopping: Callable[[], None]) -> Guest:
        """Begin to start one."""
        self._supervision.forget(number)
        seconds = self._machines.start_seconds
        return Guest(
            self._machines.machine(number),
            lambda: instructions.to_serve(self._configuration),
            lambda given_up: self._supervision.conversation(number, seconds, given_up),
            seconds,
            on_stopping,
        )

    def route(self, number: int, ready: Ready) -> Route:  # noqa: ARG002 its ports are fixed
        """Return where it takes bytes."""
        return self._machines.route(number)

    def measurement(self) -> str | None:
        """Return PCR0 of its image, in hex."""
        return self._machines.measurement


def log_lines(program: str, output: IO[str] | None) -> None:
    """Have a program's output in the log, in a thread, until it ends."""

    def pump() -> None:
        for line in output or ():
            log.info("machine", program=program, said=line.rstrip())

    threading.Thread(target=pump, daemon=True, name=f"cape-{program}").start()


def _as(kind: type[S], line: str) -> S | None:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.DecodeError:
        return None
