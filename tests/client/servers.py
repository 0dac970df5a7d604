"""Servers of HTTP and WebSockets for the ways out, and the async one called like the sync one."""

import asyncio
import contextlib
import functools
import http.server
import socket
import threading

import websockets.sync.server

from pycape._network import AsyncNetworkTransport


class Async:
    """The async transport, called as if it were the sync one, in one event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def transport(self, ca_file=None):
        return Awaited(self, AsyncNetworkTransport(ca_file))

    def run(self, awaitable):
        return self.loop.run_until_complete(awaitable)


class Awaited:
    def __init__(self, kind: Async, inner) -> None:
        self._kind, self._inner = kind, inner

    def __getattr__(self, name):
        def call(*args):
            result = self._kind.run(getattr(self._inner, name)(*args))
            return Awaited(self._kind, result) if name == "connect" else result

        return call


@contextlib.contextmanager
def http_server(respond, tls=None):
    """Serve requests with `respond(handler)`, and lend the address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            respond(self)

        do_POST = do_GET  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_args):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        # As many as a test connects at once: others would come a second later, or three.
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # a client that hangs up
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def enclave(serve, **options):
    """Serve WebSockets with `serve(websocket)`, and lend the address."""
    options = {"subprotocols": ["cape.v2"], "compression": None, **options}
    with websockets.sync.server.serve(serve, "127.0.0.1", 0, **options) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        scheme = "wss" if options.get("ssl") else "ws"
        yield f"{scheme}://127.0.0.1:{server.socket.getsockname()[1]}/v2/session"
        server.shutdown()


@contextlib.contextmanager
def listener(serve=lambda _connection: None):
    """Accept connections, give each to `serve`, and lend the address without its scheme."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        accepted = []

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    accepted.append(connection)
                    serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        for connection in accepted:
            connection.close()


def send(handler, status: int, body: bytes, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(body)


@functools.cache
def _bound() -> socket.socket:
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return taken


def closed_port() -> int:
    """Return a port where nobody listens, nor can: it is taken."""
    return _bound().getsockname()[1]
