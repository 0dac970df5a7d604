"""One call that a client makes: what came of its input, and the answers that are sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from pycape import _core, errors

# Spec: docs/spec/session.md, frames.
CHUNK = 256 * 1024


class CallOverError(Exception):
    """The client has cancelled the call, or is gone."""


class Call:
    """A call, from OPEN to its end.

    Args:
        session: The session that it belongs to; whoever uses it holds `sending`.
        opened: What was asked for.
        send: Sends a message to the client.
        sending: Held from a message's making to its sending: their order is that of their numbers.
    """

    def __init__(
        self,
        session: _core.EnclaveSession,
        opened: _core.OpenEvent,
        send: Callable[[bytes], None],
        sending: threading.Condition,
    ) -> None:
        self.session = session
        self.opened = opened
        self._on_stop: Callable[[], None] | None = None
        self._send = send
        self._sending = sending
        self._input: SimpleQueue[bytes | None] = SimpleQueue()
        self.input_was_cut = False
        self._over = False
        self._stopped: BaseException | None = None
        if opened.input is not None:
            self.take(opened.input)
            self.take(None)

    # From the client

    def take(self, data: bytes | None) -> None:
        """Take some of the input; None is its end."""
        if data != b"":
            self._input.put(data)

    def cut_input(self) -> None:
        """Wait for no more of the input: who is given it wants no more."""
        self.input_was_cut = True
        self._input.put(None)

    def cancel(self) -> None:
        """End it in failure, as its client wants."""
        self._stop(errors.Cancelled("the call was cancelled"))

    def abandon(self) -> None:
        """End it without a word: its client is gone."""
        self._stop(CallOverError())

    def stopping(self, kill: Callable[[], None]) -> None:
        """Have `kill` called, from another thread, when it is stopped."""
        with self._sending:
            self._on_stop = kill
            self.check()

    def check(self) -> None:
        """Raise what it was stopped with, if it was."""
        if self._stopped is not None:
            raise self._stopped

    def _stop(self, reason: BaseException) -> None:
        with self._sending:
            if self._over:
                return  # what ran it may run another by now
            self._stopped = self._stopped or reason
            self._sending.notify_all()
            kill = self._on_stop
        self._input.put(None)
        if kill is not None:
            kill()

    # To the client

    def input(self) -> Iterator[bytes]:
        """Give the input as it comes; of what is given the client may send as much again."""
        while (data := self._input.get()) is not None:
            yield data
            with self._sending:
                if not self._over and (message := self._consumed(len(data))) is not None:
                    self._send(message)
        self.check()

    def data(self, data: bytes) -> None:
        """Send some of the output, as the client grants credit."""
        view = memoryview(data)
        with self._sending:
            while view:
                self._sending.wait_for(lambda: self._stopped is not None or self._sendable() > 0)
                self.check()
                size = min(len(view), CHUNK, self._sendable())
                self._send(self.session.data(self.opened.call, view[:size]))
                view = view[size:]

    def log(self, text: bytes) -> None:
        """Send what the function printed, if the client wants that."""
        with self._sending:
            self.check()
            if (message := self.session.log(self.opened.call, text)) is not None:
                self._send(message)

    def end(self, make: Callable[[], bytes]) -> None:
        """Send the message that ends it, which `make` makes."""
        with self._sending:
            if self._over or isinstance(self._stopped, CallOverError):
                raise CallOverError
            self._send(make())
            self._over = True

    def fail(self, error: errors.CapeError, receipt: _core.IssuedReceipt | None = None) -> None:
        """Send the error that ends it."""
        name, details = type(error).__name__, dict(error.details)
        call = self.opened.call
        self.end(lambda: self.session.error(call, name, str(error), details, receipt))

    def _sendable(self) -> int:
        return self.session.sendable(self.opened.call)

    def _consumed(self, size: int) -> bytes | None:
        return self.session.consumed(self.opened.call, size)
