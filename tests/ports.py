"""Ports for tests that have to name one before somebody listens there."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

# What the kernel gives to whoever asks for any port, and to connections (ip(7)): one of these could
# be given to another before it is listened on.
RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port that nobody listens on."""
    [port] = free_ports(1)
    return port


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, and that nobody gets without asking for them."""
    free = _free()
    return [next(free) for _ in range(count)]


def _free() -> Iterator[int]:
    first, last = map(int, RANGE.read_text().split())
    asked_for = sorted({*range(10_000, 1 << 16)} - {*range(first, last + 1)})
    return filter(is_free, random.SystemRandom().sample(asked_for, len(asked_for)))


def is_free(port: int) -> bool:
    """Tell whether nobody has a port; those that a killed process started end behind it."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
