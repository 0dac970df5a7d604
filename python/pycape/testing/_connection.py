"""The enclave's end of one connection: messages in, messages out, a thread for each call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pycape import _core, errors
from pycape._clock import now_ms
from pycape.testing._call import Call, CallOverError
from pycape.testing._deploy import deploy
from pycape.testing._run import run
from pycape.testing._seats import Seats

if TYPE_CHECKING:
    from pycape.testing._host import Host

MAX_CALLS = 64

# A handler that runs as a thread cannot be stopped; seconds that its call is waited for.
_PATIENCE = 5.0


class EnclaveConnection:
    """Serves one client.

    Args:
        host: What serves.
        query: The query of the client's address: its challenge and offer.
        send: Takes each message to the client, and None when there will be no more.

    Raises:
        ValueError: the query is none.
    """

    def __init__(self, host: Host, query: str, send: Callable[[bytes | None], None]) -> None:
        self._host = host
        self._send = send
        self._sending = threading.Condition()
        self._handshake = host.core.handshake(query, now_ms())
        self._session: _core.EnclaveSession | None = None
        self._calls: dict[int, Call] = {}
        self._threads: list[threading.Thread] = []
        self._seats = Seats(host)
        send(self._handshake.hello)

    def receive(self, message: bytes) -> None:
        """Take one message from the client."""
        with self._sending:
            try:
                if self._session is None:
                    self._session, event = self._handshake.receive(message, MAX_CALLS)
                else:
                    event = self._session.receive(message)
            except errors.CapeError:
                self._send(None)
                return
        self._handle(event)

    def close(self) -> None:
        """End what runs for the client."""
        for call in list(self._calls.values()):
            call.abandon()
        for thread in self._threads:
            thread.join(_PATIENCE)
        self._seats.close()
        self._send(None)

    def _handle(self, event: object) -> None:
        match event:
            case _core.OpenEvent():
                self._open(event)
            case _core.DataEvent(call=number, data=data) if number in self._calls:
                self._calls[number].take(data)
            case _core.InputEndEvent(call=number) if number in self._calls:
                self._calls[number].take(None)
            case _core.CreditEvent():
                with self._sending:
                    self._sending.notify_all()
            case _core.CancelEvent(call=number) if number in self._calls:
                self._calls[number].cancel()
            case bytes():
                self._send(event)

    def _open(self, opened: _core.OpenEvent) -> None:
        assert self._session is not None  # noqa: S101 - an event is of a session
        call = Call(self._session, opened, self._send, self._sending)
        self._calls[opened.call] = call
        thread = threading.Thread(target=self._perform, args=(call,), name="cape call", daemon=True)
        self._threads = [each for each in self._threads if each.is_alive()]
        self._threads.append(thread)
        thread.start()

    def _perform(self, call: Call) -> None:
        with suppress(CallOverError):
            try:
                self._answer(call)
            except errors.CapeError as error:
                call.fail(error)
            except Exception as error:
                call.fail(errors.ServiceError(f"the enclave in memory failed: {error!r}"))
                raise  # its traceback is told by `threading.excepthook`
            finally:
                self._calls.pop(call.opened.call, None)

    def _answer(self, call: Call) -> None:
        core, session = self._host.core, call.session
        match call.opened.operation:
            case "key":
                call.end(lambda: session.end_key(core, call.opened))
            case "describe":
                call.end(
                    lambda: session.end_describe(
                        core,
                        call.opened.call,
                        slots=MAX_CALLS,
                        calls=len(self._calls),
                        warm_functions=len(self._seats),
                        now_ms=now_ms(),
                    )
                )
            case "deploy":
                deploy(self._host, call)
            case "run":
                run(self._host, self._seats, call)
