"""Reads the input of a call while what comes of it is taken, for the async client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ._effects import Came

if TYPE_CHECKING:
    from ._buffer import Buffer
    from ._input_stream import InputStream
    from ._transport import AsyncConnection


class InputReader:
    """Reads an input in one task of its own, a piece when it is asked for one.

    So an input that waits for output gets it. Nothing is read ahead: a source may use the buffer of
    a piece again for the next one.
    """

    def __init__(self, source: InputStream) -> None:
        self._source = source
        self._asked = asyncio.Event()
        self._piece: asyncio.Future[Buffer | None] | None = None
        self._task = asyncio.create_task(self._read())

    async def next(self) -> Buffer | None:
        """Return the next piece; None at the end."""
        piece = self._begun()
        await asyncio.wait((piece,))
        return self._taken(piece)

    async def next_or_message(self, connection: AsyncConnection) -> Buffer | Came | None:
        """Return the next piece, or a message that came first; the piece is read on then."""
        piece = self._begun()
        message = await connection.pending()
        if message is not None:
            return Came(message)
        if not piece.done():
            receiving = asyncio.ensure_future(connection.receive(None, "idle"))
            try:
                await asyncio.wait((piece, receiving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                receiving.cancel()
                await asyncio.wait((receiving,))
            if not receiving.cancelled():
                return Came(receiving.result())
        return self._taken(piece)

    def close(self) -> None:
        """Read no more of it."""
        self._task.cancel()
        if self._piece is not None and self._piece.done() and not self._piece.cancelled():
            self._piece.exception()  # which nobody asks for any more

    def _begun(self) -> asyncio.Future[Buffer | None]:
        if self._piece is None:
            self._piece = asyncio.get_running_loop().create_future()
            self._asked.set()
        return self._piece

    def _taken(self, piece: asyncio.Future[Buffer | None]) -> Buffer | None:
        self._piece = None
        return piece.result()

    async def _read(self) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            piece = self._piece
            assert piece is not None  # noqa: S101 - it is asked for with one
            try:
                piece.set_result(await self._source.read_async())
            except asyncio.CancelledError:
                piece.cancel()
                raise
            except BaseException as error:  # raised where it is taken
                piece.set_exception(error)
                return
