"""An enclave in memory, for unit tests of code that uses pycape. No socket, no service, no port.

    from pycape import testing

    def test_it_echoes():
        with testing.enclave() as cape:
            function = cape.deploy("functions/echo")
            assert cape.run(function, None, b"hello") == b"hello"

It protects nothing: functions run without a jail, and its root is a development root of its own.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from pycape import AsyncCape, Cape
from pycape.testing._enclave import Enclave

__all__ = ["Enclave", "async_enclave", "enclave"]


@contextmanager
def enclave(*, in_process: str | os.PathLike[str] | None = None) -> Iterator[Cape]:
    """Start an enclave in memory and give a client of it; both end with the block.

    Args:
        in_process: As `Enclave`'s, which is also for tests of several users, of times and refusals.

    Raises:
        ConfigError: as `Enclave`.
    """
    with Enclave(in_process=in_process) as started, started.client() as cape:
        yield cape


@asynccontextmanager
async def async_enclave(
    *, in_process: str | os.PathLike[str] | None = None
) -> AsyncIterator[AsyncCape]:
    """Give what `enclave` does, for `await`.

    Raises:
        ConfigError: as `Enclave`.
    """
    with Enclave(in_process=in_process) as started:
        async with started.async_client() as cape:
            yield cape
