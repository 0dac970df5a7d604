"""A proxy on this machine that takes CONNECT, and leads every host's name to one port of it."""

import contextlib
import socket
import threading

from .servers import listener


@contextlib.contextmanager
def connect_proxy(port, answer=b"HTTP/1.1 200 Connection established\r\n\r\n"):
    """Answer each CONNECT so, and where that is 200 pass bytes on; lend the address and the heads.

    Without an answer it says nothing.
    """
    heads = []

    def serve(connection):
        threading.Thread(target=attend, args=(connection,), daemon=True).start()

    def attend(connection):
        with contextlib.suppress(OSError):  # who asked has gone
            heads.append(head_of(connection))
            if answer is None:
                return
            connection.sendall(answer)
            if b" 200 " in answer:
                lead_on(connection)
            else:
                connection.shutdown(socket.SHUT_RDWR)

    def lead_on(connection):
        there = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=pass_on, args=(there, connection), daemon=True).start()
        pass_on(connection, there)

    with listener(serve) as address:
        yield f"http://{address}", heads


def head_of(connection):
    head = b""
    while data := connection.recv(65_536):
        head += data
        if b"\r\n\r\n" in head:
            return head.decode()
    raise ConnectionError("it has gone before it said what it wants")


def pass_on(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
