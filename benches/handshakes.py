"""Handshakes: what they are made of, and many that come at once."""

from __future__ import annotations

import asyncio
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator

from .enclaves import Enclave
from .harness import Contender, race
from .report import Comparison, Measurement
from .targets import SpeedAtLeast
from .workshop import Workshop

_BURST = 500
# A real module takes milliseconds, and answers one question at a time.
_MODULE_MS = 5

# Of an HTTP answer, and of a frame of a WebSocket (RFC 6455, section 5.2) with a length of 16 bits.
_END_OF_HEAD = b"\r\n\r\n"
_BINARY, _LENGTH_OF_16_BITS = 0x82, 126


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """One handshake without a network, then a burst with and without shared documents."""
    parts = [
        workshop.bare.contender("document", "attestation document", sizes=[0]),
        workshop.bare.contender("handshake", "handshake", sizes=[0]),
    ]
    samples = race(parts, workshop.seconds(4))
    if "document" in samples:
        yield Measurement("document of the simulated NSM", samples["document"])
        yield Measurement("handshake, both sides, no network", samples["handshake"])
    shared, alone = "shared documents", "a document each"
    with asyncio.Runner() as runner:
        contenders = [
            _burst(runner, shared, _enclave(workshop, "shared", sessions_per_document=1024)),
            _burst(runner, alone, _enclave(workshop, "alone", sessions_per_document=1)),
        ]
        samples = race(contenders, workshop.seconds(20))
    yield Measurement(
        f"{_BURST} handshakes at once, NSM of {_MODULE_MS} ms",
        samples[shared],
        (Comparison(alone, samples[alone], SpeedAtLeast(5)),),
        unit="handshakes a second",
    )


def _enclave(workshop: Workshop, name: str, *, sessions_per_document: int) -> Enclave:
    enclave = Enclave(
        workshop.folder / "enclaves" / name,
        module_ms=_MODULE_MS,
        sessions_per_document=sessions_per_document,
    )
    workshop.ended(enclave.end)
    return enclave


def _burst(runner: asyncio.Runner, name: str, enclave: Enclave) -> Contender:
    """Time connections from their beginning to the enclave's proof; a lap is the time of one."""

    async def run(laps: int) -> list[float]:
        taken = []
        for _ in range(laps):
            start = time.perf_counter()
            connections = await asyncio.gather(*(_proof(enclave.port) for _ in range(_BURST)))
            taken.append((time.perf_counter() - start) / _BURST)
            for connection in connections:
                connection.close()
        return taken

    return Contender(name, lambda laps: runner.run(run(laps)))


async def _proof(port: int) -> asyncio.StreamWriter:
    """Wait for an enclave's first message, which is not looked at."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    nonce = urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    lines = (
        f"GET /v2/session?nonce={nonce}&suites=1,2 HTTP/1.1",
        "Host: localhost",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: cape.v2",
    )
    writer.write("\r\n".join(lines).encode() + _END_OF_HEAD)
    await reader.readuntil(_END_OF_HEAD)
    kind, length, *size = await reader.readexactly(4)
    if (kind, length) != (_BINARY, _LENGTH_OF_16_BITS):
        raise RuntimeError("the enclave refused the handshake")
    await reader.readexactly(int.from_bytes(bytes(size)))
    return writer
