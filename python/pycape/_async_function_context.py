"""One connection for many calls, of the async client. See `_function_context.py`."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from . import _core
from ._buffer import Buffer
from ._client_base import only_argument
from ._platform import Target
from ._result import Result, Timing
from ._session import Session
from ._transport import AsyncConnection

if TYPE_CHECKING:
    from ._async_client import AsyncCape


class AsyncFunctionContext:
    """One attested connection, for many calls of one function."""

    def __init__(
        self,
        client: AsyncCape,
        target: Target,
        session: Session,
        connection: AsyncConnection,
        timing: Timing,
    ) -> None:
        self._client = client
        self._target = target
        self._session = session
        self._connection = connection
        self._timing = timing
        self._one_call = asyncio.Lock()

    @property
    def verified(self) -> _core.VerifiedAttestation:
        """What the enclave proved when the connection was opened."""
        return self._session.attestation

    async def invoke(self, *args: Buffer, shared: bool = False) -> bytes:
        """Call the function with one contiguous buffer and return its output.

        Raises:
            As `call`.
        """
        return (await self.call(*args, shared=shared)).output

    async def call(self, *args: Buffer, shared: bool = False) -> Result:
        """Call the function and return what is known of the call as well.

        After an error that is not the function's own (`FunctionError`) or the enclave's refusal
        (`ServiceError`) the connection has ended, as it has after an hour, or when it was not used
        for long.

        Raises:
            ConnectFailed: the connection has ended before; nothing was sent.
            As `Cape.run` besides.
        """
        return await self._call(only_argument(args), shared)

    async def close(self) -> None:
        """Close the connection."""
        self._session.end("it was closed")
        await self._connection.close()

    async def _call(self, data: memoryview, shared: bool) -> Result:
        client = self._client
        operation = client._platform.run(
            self._session,
            self._target,
            data,
            shared=shared,
            max_retries=client._options.max_retries,
        )
        async with self._one_call:
            start = time.perf_counter()
            try:
                answer = await client._drive(operation, self._connection)
            finally:
                if self._session.has_ended:
                    await self._connection.close()
            timing, self._timing = self._timing, Timing()
        timing = replace(timing, run=time.perf_counter() - start)
        checksum = self._target.manifest.checksum
        return Result(answer.output, checksum, timing, answer.usage, self.verified, answer.receipt)
