"""HTTP/1.1 as uvicorn speaks it, with a limit on the time that the head of a request takes.

Without one, whoever holds connections that never say what they want leaves no room for others.
What is no request is refused as everything else is, and so is what comes over too many connections.
"""

import asyncio
import sys
import uuid
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pycape.errors import ProtocolError
from pycape.server.middleware import CROWDED, REQUEST_ID
from pycape.server.operations import MAX_BODY_BYTES
from pycape.server.problems import MEDIA_TYPE, problem_body

HEAD_SECONDS = 10
FAREWELL_SECONDS = 2  # for what comes after a refusal
MAX_CONNECTIONS = 1000  # whose requests are served; the answer to any beyond them is that
MAX_DISCARDED_BYTES = 2 * MAX_BODY_BYTES  # of a body or a head whose answer is given already

_REFUSALS = {
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "the head of the request is too large",
}


class HttpProtocol(H11Protocol):
    """One connection. The limit counts from its first byte, however slowly others follow."""

    _deadline: asyncio.TimerHandle | None = None
    _discarded = 0
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.app_state: dict[str, Any] = {**self.app_state, CROWDED: True}
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Go on to wait for the rest of a head, or for none."""
        if not self._refused:
            super().data_received(data)
        self._watch()
        self._discarded = self._discarded + len(data) if self._answered_early() else 0
        if self._discarded > MAX_DISCARDED_BYTES:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - ours says more
        """Refuse what is no request, or has too large a head, and close.

        What follows is read for a moment: a socket that is closed over unread bytes is reset, and a
        reset overtakes the answer.
        """
        status = HTTPStatus(getattr(sys.exc_info()[1], "error_status_hint", HTTPStatus.BAD_REQUEST))
        error = ProtocolError(_REFUSALS.get(status, "this is no request of HTTP/1.1"))
        request_id = uuid.uuid4().hex
        body = problem_body(error, status, request_id)
        headers = {
            "Content-Type": MEDIA_TYPE,
            "Content-Length": str(len(body)),
            REQUEST_ID: request_id,
            "Connection": "close",
        }
        head = h11.Response(
            status_code=status, headers=list(headers.items()), reason=status.phrase.encode()
        )
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self._refused = True
        self._stop_waiting()
        self._deadline = self.loop.call_later(FAREWELL_SECONDS, self.transport.close)
        self.transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        self._stop_waiting()

    def _answered_early(self) -> bool:
        if self._refused:
            return True
        answered = self.cycle is not None and self.cycle.response_complete
        return answered and self.conn.their_state is h11.SEND_BODY

    def _watch(self) -> None:
        if self._refused:
            return
        in_request = self.cycle is not None and not self.cycle.response_complete
        if in_request:
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_SECONDS, self.timeout_keep_alive_handler)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
