"""What a host's data path costs a session: beside the same without it, and beside `socat`."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import repeat
from urllib.parse import urlsplit

import websockets.sync.client
from websockets.exceptions import WebSocketException

from pycape.host.data_path import BINARY, BINARY_VARIABLE
from pycape.local.enclave_program import find_program

from .children import Child, resident
from .connections import MESSAGE, connected, counted, echoed
from .harness import Contender, Sample, UnavailableError, race
from .report import Comparison, Measurement
from .units import Unit
from .workshop import Workshop

_MIB = 1 << 20
_OURS, _DIRECT, _SOCAT = "ours", "the same without it", "socat"
_BEGIN_SECONDS = 10.0

Connection = websockets.sync.client.ClientConnection


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Echoes, 256 MiB one way, and idle connections; less when time is short."""
    mib, idle = (32, 100) if workshop.quick else (256, 1000)
    yield _beside_others(
        workshop, "1 KiB and back, by a host's data path", workshop.echo.url, echoed
    )
    piece, messages = os.urandom(MESSAGE), mib * _MIB // MESSAGE
    yield _beside_others(
        workshop,
        f"{mib} MiB, by a host's data path",
        workshop.counting.url,
        lambda connection: counted(connection, repeat(piece, messages)),
        mib * _MIB,
    )
    yield _idle(workshop, idle)


def _beside_others(
    workshop: Workshop,
    name: str,
    url: str,
    work: Callable[[Connection], None],
    size: int = 0,
) -> Measurement:
    """Do the same over a connection that is led on, and over one that is not."""
    with ExitStack() as stack:

        def over(relay: Callable[[], str]) -> Callable[[int], list[float]]:
            led: list[Connection] = []

            def run(laps: int) -> list[float]:
                if not led:
                    led.append(stack.enter_context(connected(relay())))
                return Contender.of("", lambda: work(led[0])).run(laps)

            return run

        contenders = [
            Contender(_OURS, over(lambda: _data_path(stack, url)[1])),
            Contender(_DIRECT, over(lambda: url)),
            Contender(_SOCAT, over(lambda: _socat(stack, url))),
        ]
        samples = race(contenders, workshop.seconds(15))
    comparisons = tuple(Comparison(peer, samples.get(peer)) for peer in (_DIRECT, _SOCAT))
    unit: Unit = "bytes a second" if size else "seconds"
    return Measurement(name, samples[_OURS], comparisons, unit, size)


def _idle(workshop: Workshop, count: int) -> Measurement:
    """The memory that a connection takes of the data path while nothing comes of it."""
    with ExitStack() as stack:
        child, url = _data_path(stack, workshop.echo.url)
        with connected(url) as connection:  # whatever is only done once
            echoed(connection)
        before = resident(child.pid)
        for _ in range(count):
            echoed(stack.enter_context(connected(url)))
        each = (resident(child.pid) - before) / count
    return Measurement(f"idle connection of it, one of {count:,}", Sample([each]), unit="bytes")


def _data_path(stack: ExitStack, url: str) -> tuple[Child, str]:
    """Start a data path that leads there; the address that clients take."""
    anywhere = "127.0.0.1:0"
    child = Child(
        [
            *(find_program(BINARY, BINARY_VARIABLE), "--enclaves", "1", "--sessions", anywhere),
            *("--enclave-operate", anywhere, "--operate", anywhere),
            *("--connections", "4096", "--idle-s", "3600"),
        ]
    )
    stack.callback(child.end)
    port = child.receive()["sessions"]
    child.send({"enclave": 0, "sessions": f"tcp:{urlsplit(url).netloc}"})
    return child, _reached(port)


def _socat(stack: ExitStack, url: str) -> str:
    """Start `socat`, which has a process for each connection; the address that clients take."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    listening = f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,nodelay,fork"
    child = Child(["socat", "-b32000", listening, f"TCP:{urlsplit(url).netloc},nodelay"])
    stack.callback(lambda: child.end(terminate=True))
    return _reached(port)


def _reached(port: int) -> str:
    """Wait until what listens there leads on; its address."""
    url = f"ws://127.0.0.1:{port}"
    end = time.monotonic() + _BEGIN_SECONDS
    while True:
        try:
            connected(url).close()
        except (OSError, EOFError, WebSocketException) as error:
            if time.monotonic() > end:
                raise UnavailableError(f"nothing leads on at {url}: {error}") from error
            time.sleep(0.01)
        else:
            return url
