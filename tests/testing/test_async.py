"""The same with `await`. The event loop itself has a pair of sockets; nothing else may."""

import asyncio
import socket

import pytest

from pycape import errors, testing

UPPER = "def cape_handler(data): return data.upper()"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(self, address):
        raise AssertionError(f"a socket for {address}")

    for name in ("bind", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)


def test_the_three_verbs(folder):
    made = folder(UPPER)

    async def check():
        async with testing.async_enclave() as cape:
            function = await cape.deploy(made)
            ciphertext = await cape.encrypt(b"hello")
            assert await cape.run(function, None, ciphertext) == b"HELLO"
            assert (await cape.call(function, None, b"a")).receipt.checksum == function.checksum
            async with cape.function_context(
                function, await cape.create_token(function)
            ) as context:
                assert await context.invoke(b"a") == b"A"
                assert [part async for part in context.stream(b"b")] == [b"B"]

    asyncio.run(check())


def test_calls_of_several_connections_run_at_once(folder):
    # Each waits for the other: one after the other, neither would end.
    made = folder(
        """
        import pathlib, time
        def cape_handler(data):
            mine, others = data.decode().split()
            pathlib.Path(mine).touch()
            while not pathlib.Path(others).exists(): time.sleep(0.01)
            return data
        """
    )
    one, other = made.parent / "one", made.parent / "other"

    async def check():
        async with testing.async_enclave() as cape:
            function = await cape.deploy(made)
            inputs = [f"{one} {other}".encode(), f"{other} {one}".encode()]
            outputs = await asyncio.gather(*(cape.run(function, None, each) for each in inputs))
            assert outputs == inputs

    asyncio.run(check())


def test_a_failure_is_told(folder):
    made = folder("def cape_handler(data): raise ValueError('no')")

    async def check():
        async with testing.async_enclave() as cape:
            function = await cape.deploy(made)
            with pytest.raises(errors.FunctionError, match="no"):
                await cape.run(function, None, b"")

    asyncio.run(check())


def test_a_task_that_is_cancelled_ends_its_call(folder):
    made = folder("import time\ndef cape_handler(data): time.sleep(60)")

    async def check():
        async with testing.async_enclave() as cape:
            function = await cape.deploy(made)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await cape.run(function, None, b"")

    asyncio.run(check())
