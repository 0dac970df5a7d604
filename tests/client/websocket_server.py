"""The other end of a WebSocket, driven by hand."""

import socket

from websockets.frames import Frame
from websockets.http11 import Request
from websockets.server import ServerProtocol

PATIENCE = 30


class Server:
    """The other end of a connection: it says and hears frames, and does nothing by itself."""

    def __init__(self, end: socket.socket) -> None:
        end.settimeout(PATIENCE)
        self._end = end
        self._protocol = ServerProtocol()
        self._heard: list[Frame] = []

    def accept(self) -> None:
        request = self._next()
        assert isinstance(request, Request)
        self._protocol.send_response(self._protocol.accept(request))
        self.say()

    def hear(self) -> Frame:
        frame = self._next()
        assert isinstance(frame, Frame)
        return frame

    def say(self) -> None:
        """Send what the protocol has to say, but for its own answers to pings."""
        for data in self._protocol.data_to_send():
            self._end.sendall(data)

    def ping(self) -> None:
        self._protocol.send_ping(b"alive?")
        self.say()

    def message(self, content: bytes) -> None:
        self._protocol.send_binary(content)
        self.say()

    def goodbye(self, code: int) -> None:
        self._protocol.send_close(code)
        self.say()

    def close(self) -> None:
        self._end.close()

    def _next(self) -> object:
        while not self._heard:
            data = self._end.recv(65536)
            assert data, "the client is gone"
            self._protocol.receive_data(data)
            self._heard += self._protocol.events_received()
        return self._heard.pop(0)
