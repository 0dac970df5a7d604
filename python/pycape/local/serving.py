"""HTTP servers in a thread of this process."""

import asyncio
import errno
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from pycape.errors import ConfigError, ServiceError
from pycape.local.http_protocol import HttpProtocol

MAX_SOCKET_PATH_BYTES = 107  # sun_path holds 108, one of them the terminator
START_SECONDS = 30
GRACE_SECONDS = 3
LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.01

# What strangers send is no news for the terminal; `cape dev -v` shows it.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())


class Server:
    """Applications, each on a listening socket, served by one thread until `stop`.

    `behind_proxy` says that connections from this machine are a proxy's, which tells whom they are
    of (`X-Forwarded-For`); else that header means nothing.
    """

    def __init__(
        self,
        applications: Sequence[tuple[ASGIApp, socket.socket]],
        *,
        behind_proxy: bool = False,
    ) -> None:
        self._servers = [(_server(app, behind_proxy), listener) for app, listener in applications]
        self._thread = threading.Thread(target=self._run, daemon=True, name="cape-http")

    def start(self) -> None:
        """Serve; returns when every application has started."""
        self._thread.start()
        for _ in range(int(START_SECONDS / _POLL_SECONDS)):
            if all(server.started for server, _ in self._servers):
                return
            self._thread.join(_POLL_SECONDS)
            if not self._thread.is_alive():
                break
        self.stop()
        raise ServiceError(
            "the HTTP server did not start", hint="`cape dev -v` tells why, or the service's log"
        )

    def stop(self) -> None:
        """Let the requests under way end, and stop."""
        for server, _ in self._servers:
            server.should_exit = True
        self._thread.join()

    def _run(self) -> None:
        with suppress(SystemExit):  # how uvicorn tells that an application did not start
            asyncio.run(self._serve())

    async def _serve(self) -> None:
        await asyncio.gather(
            *(server.serve(sockets=[listener]) for server, listener in self._servers)
        )


@contextmanager
def listening_on_loopback(port: int, command: str = "cape dev") -> Iterator[socket.socket]:
    """Listen on 127.0.0.1; port 0 is any free one. `ConfigError` when the port is taken.

    `command` is what is hinted at then.
    """
    # asyncio sets TCP_NODELAY only where the protocol is named; without it answers take 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            raise _port_error(port, error, command) from error
        listener.listen()
        yield listener


def port_or_any(port: int) -> int:
    """Return the port of 127.0.0.1 if it can be listened on now, else 0, which is any free one."""
    try:
        with listening_on_loopback(port):
            return port
    except ConfigError:
        return 0


@contextmanager
def listening_on_unix(folder: Path, name: str) -> Iterator[tuple[socket.socket, Path]]:
    """Listen on a Unix socket that only this user can reach; its path is short enough for one.

    It is in `folder`, or in a temporary folder when that one's path is too long.
    """
    with _socket_folder(folder, name) as place, socket.socket(socket.AF_UNIX) as listener:
        path = place / name
        path.unlink(missing_ok=True)  # of a process that was killed
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        try:
            yield listener, path
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _socket_folder(folder: Path, name: str) -> Iterator[Path]:
    if len(os.fsencode(folder / name)) <= MAX_SOCKET_PATH_BYTES:
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="cape-") as short:  # 0700
        if len(os.fsencode(Path(short) / name)) > MAX_SOCKET_PATH_BYTES:
            raise ConfigError(
                f"{short} is too long a path for a Unix socket", hint="set TMPDIR to a shorter one"
            )
        yield Path(short)


def _server(app: ASGIApp, behind_proxy: bool) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            http=HttpProtocol,
            proxy_headers=behind_proxy,
            forwarded_allow_ips=LOOPBACK,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
            ws="none",
        )
    )


def _port_error(port: int, error: OSError | OverflowError, command: str) -> ConfigError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return ConfigError(
            f"port {port} of 127.0.0.1 is in use",
            hint=f"`{command} --port 0` takes a free one; perhaps {command} runs there already",
        )
    return ConfigError(
        f"port {port} of 127.0.0.1 cannot be used: {error}",
        hint=f"`{command} --port 0` takes a free one",
    )
