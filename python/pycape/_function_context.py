"""One connection for many calls, of the sync client; `_async_function_context.py` is the other."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from . import _core
from ._buffer import Buffer
from ._client_base import only_argument
from ._platform import Target
from ._result import Result, Timing
from ._session import Session
from ._transport import Connection

if TYPE_CHECKING:
    from ._client import Cape


class FunctionContext:
    """One attested connection, for many calls of one function."""

    def __init__(
        self, client: Cape, target: Target, session: Session, connection: Connection, timing: Timing
    ) -> None:
        self._client = client
        self._target = target
        self._session = session
        self._connection = connection
        self._timing = timing
        self._one_call = threading.Lock()

    @property
    def verified(self) -> _core.VerifiedAttestation:
        """What the enclave proved when the connection was opened."""
        return self._session.attestation

    def invoke(self, *args: Buffer, shared: bool = False) -> bytes:
        """Call the function with one contiguous buffer and return its output.

        Raises:
            As `call`.
        """
        return self.call(*args, shared=shared).output

    def call(self, *args: Buffer, shared: bool = False) -> Result:
        """Call the function and return what is known of the call as well.

        After an error that is not the function's own (`FunctionError`) or the enclave's refusal
        (`ServiceError`) the connection has ended, as it has after an hour, or when it was not used
        for long.

        Raises:
            ConnectFailed: the connection has ended before; nothing was sent.
            As `Cape.run` besides.
        """
        return self._call(only_argument(args), shared)

    def close(self) -> None:
        """Close the connection."""
        self._session.end("it was closed")
        self._connection.close()

    def _call(self, data: memoryview, shared: bool) -> Result:
        client = self._client
        operation = client._platform.run(
            self._session,
            self._target,
            data,
            shared=shared,
            max_retries=client._options.max_retries,
        )
        with self._one_call:
            start = time.perf_counter()
            try:
                answer = client._drive(operation, self._connection)
            finally:
                if self._session.has_ended:
                    self._connection.close()
            timing, self._timing = self._timing, Timing()
        timing = replace(timing, run=time.perf_counter() - start)
        checksum = self._target.manifest.checksum
        return Result(answer.output, checksum, timing, answer.usage, self.verified, answer.receipt)
