"""One connection for many calls, of the sync client; `_async_function_context.py` is the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING

from . import _core, errors
from ._call_arguments import only_argument
from ._drive import drive_stream
from ._effects import Operation
from ._input_stream import Input, InputStream
from ._logs import LogReader, Logs, reader_of
from ._output_stream import OutputStream
from ._placements import OF_NO_USE
from ._platform import Opened, Target
from ._readings import RunAnswer
from ._result import Result, Timing
from ._retry import Retries
from ._transport import Connection

if TYPE_CHECKING:
    from ._client_connections import ClientConnections

# What opening the connection took is told with the first call.
_OPENED_BEFORE = Timing()


class FunctionContext:
    """One attested connection, for many calls of one function."""

    _timing: Timing

    def __init__(
        self,
        client: ClientConnections,
        target: Target,
        opened: Opened[Connection],
        reopen: Callable[[], Opened[Connection]] | None = None,
    ) -> None:
        self._client = client
        self._target = target
        self._reopen = reopen
        self._use(opened)
        self._streaming: object = None
        self._one_call = threading.Lock()

    def __repr__(self) -> str:
        manifest, state = self._target.manifest, "ended" if self._session.has_ended else "open"
        return f"<{type(self).__name__} of {manifest.name} ({manifest.function_id}), {state}>"

    @property
    def verified(self) -> _core.VerifiedAttestation:
        """What the enclave proved when the connection was opened, the last of them."""
        return self._session.attestation

    def invoke(self, *args: Input, shared: bool = False, logs: Logs | None = None) -> bytes:
        """Call the function with one buffer or stream, and return its output.

        Raises:
            CapeError: as `call`.
        """
        return self._output(only_argument(args), shared, reader_of(logs))

    def call(self, *args: Input, shared: bool = False, logs: Logs | None = None) -> Result:
        """Call the function and return what is known of the call as well, with its receipt.

        After an error that is not the function's own (`FunctionError`) or the enclave's refusal
        (`ServiceError`) the connection has ended, as it has after an hour, or when it was not used
        for long. What the function kept for the connection is gone with it then. One that keeps
        nothing there (its isolation is "call" or "function") is called over another connection,
        which is attested like the first, when the enclave left that one between calls.

        Raises:
            ConnectFailed: the connection has ended before; nothing was sent.
            CapeError: as `Cape.run` besides.
        """
        return self._call(only_argument(args), shared, reader_of(logs))

    def stream(self, *args: Input, shared: bool = False, logs: Logs | None = None) -> OutputStream:
        """Call the function with one buffer or stream, and give its output as it comes.

        The call begins when the first piece is wanted. Input and output pass at the same time: more
        of the input is read when nothing of the output is there to be given. That all of it came,
        and that the receipt holds, is known when the iteration ends by itself; it raises
        otherwise, after pieces that were given already. Until then no other call can be made.

        Raises:
            ValueError: while iterating: another stream of this connection is open.
            CapeError: as `call`, most of it while iterating.
        """
        operation = self._operation(
            only_argument(args), shared, reader_of(logs), receipt=True, streamed=True
        )
        return OutputStream(operation, self._pieces)

    def close(self) -> None:
        """Close the connection."""
        self._reopen = None
        self._session.end("it was closed")
        self._connection.close()

    def _call(
        self,
        data: memoryview | InputStream,
        shared: bool,
        logs: LogReader | None,
        retries: Retries | None = None,
    ) -> Result:
        answer, timing = self._run(data, shared, logs, retries, receipt=True)
        checksum = self._target.manifest.checksum
        return Result(answer.output, checksum, timing, answer.usage, self.verified, answer.proof)

    def _output(
        self,
        data: memoryview | InputStream,
        shared: bool,
        logs: LogReader | None,
        retries: Retries | None = None,
    ) -> bytes:
        answer, _ = self._run(data, shared, logs, retries, receipt=False)
        return answer.output

    def _run(
        self,
        data: memoryview | InputStream,
        shared: bool,
        logs: LogReader | None,
        retries: Retries | None,
        *,
        receipt: bool,
    ) -> tuple[RunAnswer, Timing]:
        operation = self._operation(data, shared, logs, retries, receipt=receipt)
        self._check_no_stream()
        with self._one_call:
            self._stay_open()
            start = time.perf_counter()
            try:
                answer = self._client._drive(operation, self._connection)
            except OF_NO_USE:
                self._client._platform.placements.forget(self._place)
                raise
            finally:
                self._close_behind()
            opened, self._timing = self._timing, _OPENED_BEFORE
            took = time.perf_counter() - start
        return answer, Timing(opened.place, opened.connect, opened.attest, took)

    def _operation(
        self,
        data: memoryview | InputStream,
        shared: bool,
        logs: LogReader | None,
        retries: Retries | None = None,
        *,
        receipt: bool,
        streamed: bool = False,
    ) -> Operation[RunAnswer]:
        """Return a call, of the session that there is when it begins."""
        return (
            yield from self._client._platform.run(
                self._session,
                self._target,
                data,
                shared=shared,
                logs=logs,
                retries=retries or Retries(self._client._options.max_retries),
                receipt=receipt,
                streamed=streamed,
            )
        )

    def _pieces(self, operation: Operation[None]) -> Generator[bytes, None, None]:
        client = self._client
        self._check_no_stream()
        with self._one_call:
            self._streaming = threading.get_ident()
            try:
                self._stay_open()
                yield from drive_stream(
                    operation, client._transport, client._options.timeout, self._connection
                )
            except OF_NO_USE:
                client._platform.placements.forget(self._place)
                raise
            finally:
                self._streaming = None
                self._close_behind()

    def _stay_open(self) -> None:
        """Open another connection where the enclave left this one, and nothing is lost with it."""
        if self._reopen is None or self._client._options.max_retries == 0:
            return
        if not self._session.has_ended:
            with suppress(errors.ConnectFailed):
                self._client._drive(self._session.catch_up(), self._connection)
        if self._session.was_left:
            self._connection.close()
            self._use(self._reopen())

    def _use(self, opened: Opened[Connection]) -> None:
        self._session = opened.session
        self._connection = opened.connection
        self._place = opened.place
        self._timing = opened.timing

    def _check_no_stream(self) -> None:
        """Refuse to wait for a stream of one's own: nobody would end it."""
        if self._streaming == threading.get_ident():
            raise ValueError(
                "a stream of this connection is open: take all of it or close it first"
            )

    def _close_behind(self) -> None:
        """Close the connection behind a call with which the session has ended."""
        if self._session.has_ended:
            self._connection.close()
