"""Calls that were made from the pages: those that run, and the last that have ended.

They are in this process's memory and nowhere else, and end with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from pycape import FunctionRef
from pycape.console.changes import Changes
from pycape.console.phases import Phases, on_phase
from pycape.console.told import Told, told
from pycape.errors import CapeError, NotFound, Overloaded

if TYPE_CHECKING:
    from pycape import AsyncCape, Token
    from pycape._core import Manifest, ReceiptStatement
    from pycape._result import Result

MOST_RUNNING = 4
MOST_KEPT = 50
MOST_LOG = 64 << 10  # characters, the last
MOST_OUTPUT = 1 << 20  # bytes of one that is kept

_RETRY_SECONDS = 1.0

State = Literal["runs", "done", "failed", "stopped"]


@dataclass(frozen=True)
class Order:
    """What is asked for. `token` is None for a function of one's own."""

    manifest: Manifest
    data: bytes = field(repr=False)
    encrypted: bool = False
    shared: bool = False
    token: Token | None = field(default=None, repr=False)


class Call:
    """One call, from its beginning on. The input is forgotten when it has been sent."""

    def __init__(self, number: int, order: Order, listed: Changes) -> None:
        self.number = number
        self.manifest: Manifest = order.manifest
        self.input_size: int = len(order.data)
        self.encrypted: bool = order.encrypted
        self.with_token: bool = order.token is not None
        self.started: datetime = datetime.now(UTC)
        self.phases: Phases = Phases()
        self.log: Log = Log()
        self.state: State = "runs"
        self.output: bytes | None = None
        self.output_size: int = 0
        self.usage: Mapping[str, Any] = {}
        self.receipt: ReceiptStatement | None = None
        self.error: Told | None = None
        self.changes: Changes = Changes()
        self._listed = listed

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state != "runs"

    async def make(self, cape: AsyncCape, order: Order) -> None:
        """Make it, to its end, whatever that is."""
        try:
            data = await self._sealed(cape, order) if order.encrypted else order.data
            on_phase.set(self._begin)
            pinned = FunctionRef(order.manifest.function_id, checksum=order.manifest.checksum)
            result = await cape.call(
                pinned, order.token, data, shared=order.shared, logs=self._take_log
            )
        except asyncio.CancelledError:
            self._fail("stopped", None)
        except Exception as error:
            self._fail("failed", error)
        else:
            self._succeed(result)

    async def _sealed(self, cape: AsyncCape, order: Order) -> bytes:
        self._begin("encrypt")
        return await cape.encrypt(
            order.data, recipient=order.manifest.account, functions=[order.manifest.checksum]
        )

    def _begin(self, phase: str) -> None:
        self.phases.begin(phase)
        self._tell()

    def _take_log(self, text: str) -> None:
        self.log.take(text)
        self.changes.tell()

    def _succeed(self, result: Result) -> None:
        self.phases.succeed(result.timing)
        self.output_size = len(result.output)
        self.output = result.output if self.output_size <= MOST_OUTPUT else None
        self.usage, self.receipt = result.usage, result.receipt
        self.state = "done"
        self._tell()

    def _fail(self, state: State, error: Exception | None) -> None:
        self.phases.fail()
        # Of an exception, what a page shows: its frames would keep the input and the token.
        self.error = None if error is None else told(error)
        self.receipt = error.receipt if isinstance(error, CapeError) else None
        self.state = state
        self._tell()

    def _tell(self) -> None:
        self.changes.tell()
        self._listed.tell()


class Log:
    """What a function prints: the end of it, where that is too much."""

    def __init__(self) -> None:
        self.text: str = ""
        self.is_cut: bool = False

    def take(self, text: str) -> None:
        """Add a piece."""
        text = self.text + text
        self.is_cut = self.is_cut or len(text) > MOST_LOG
        self.text = text[-MOST_LOG:]


class Calls:
    """All of them, the latest first; a few at a time."""

    def __init__(self, cape: AsyncCape) -> None:
        self.changes: Changes = Changes()
        self.is_closed: bool = False
        self._cape = cape
        self._kept: deque[Call] = deque(maxlen=MOST_KEPT)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._last = 0

    def __iter__(self) -> Iterator[Call]:
        return reversed(self._kept)

    @property
    def are_running(self) -> bool:
        """Whether one runs."""
        return bool(self._tasks)

    def start(self, order: Order) -> Call:
        """Begin a call.

        Raises:
            Overloaded: as many run as may.
        """
        if self.is_closed or len(self._tasks) >= MOST_RUNNING:
            raise Overloaded(
                f"{MOST_RUNNING} calls run already", retry_after=_RETRY_SECONDS, hint="wait for one"
            )
        self._last += 1
        call = Call(self._last, order, self.changes)
        self._kept.append(call)
        task = asyncio.create_task(call.make(self._cape, order))
        self._tasks[call.number] = task
        task.add_done_callback(lambda _: self._tasks.pop(call.number))
        self.changes.tell()
        return call

    def get(self, number: int) -> Call:
        """Return a call.

        Raises:
            NotFound: there is none of that number, or not any more.
        """
        call = next((each for each in self._kept if each.number == number), None)
        if call is None:
            raise NotFound(
                f"there is no call {number}", hint=f"the last {MOST_KEPT} are kept while it runs"
            )
        return call

    def stop(self, number: int) -> None:
        """Stop a call: its connection is closed, and the function with it."""
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Stop all, and begin no more."""
        self.is_closed = True
        for task in self._tasks.values():
            task.cancel()
        self.changes.tell()
