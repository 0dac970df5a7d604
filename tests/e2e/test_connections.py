"""Connections that stay open: for how long, and for whom."""

import asyncio

import pytest

from pycape import AsyncCape, errors

from .conftest import exactly, hostile
from .tampering import AsyncHostileTransport


@pytest.fixture
def sent():
    return []


@pytest.fixture
def recorded(sent):
    """What a host does that counts messages to the enclave."""

    def record(_number: int, message: bytes) -> bytes:
        sent.append(message)
        return message

    return {"to_enclave": record}


def test_a_connection_completes_its_handshake_before_the_first_call(
    platform, alice, echo, tmp_path, sent, recorded
):
    """An enclave does not wait long for a handshake, and a first call may be long in coming."""
    with hostile(platform, tmp_path / "alice", **recorded) as cape:
        with cape.function_context(echo, None) as function:
            assert len(sent) == 1
            assert function.invoke(b"x") == b"x"
        cape.connect(echo, None)
        assert len(sent) == 3
        assert cape.invoke(b"y") == b"y"


def test_the_async_client_does_too(platform, alice, echo, tmp_path, sent, recorded):
    async def main() -> None:
        transport = AsyncHostileTransport(**recorded)
        async with AsyncCape(config_dir=tmp_path / "alice", transport=transport) as cape:
            async with cape.function_context(echo, None) as function:
                assert len(sent) == 1
                assert await function.invoke(b"x") == b"x"
            await cape.connect(echo, None)
            assert len(sent) == 3
            assert await cape.invoke(b"y") == b"y"

    asyncio.run(main())


def test_a_single_call_sends_nothing_besides(platform, alice, echo, tmp_path, sent, recorded):
    with hostile(platform, tmp_path / "alice", **recorded) as cape:
        assert cape.run(echo, None, b"x") == b"x"
    assert len(sent) == 1


def test_contexts_that_are_left_in_another_order(alice, echo, folder_of):
    reverse = alice.deploy(folder_of("def cape_handler(input): return input[::-1]"))
    first = alice.function_context(echo, None)
    second = alice.function_context(reverse, None)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert alice.invoke(b"abc") == b"cba"
    second.__exit__(None, None, None)
    with exactly(errors.ConfigError, match="no open connection"):
        alice.invoke(b"abc")


def test_async_contexts_that_are_left_in_another_order(alice, echo, folder_of, tmp_path):
    reverse = alice.deploy(folder_of("def cape_handler(input): return input[::-1]"))

    async def main() -> None:
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            first = cape.function_context(echo, None)
            second = cape.function_context(reverse, None)
            await first.__aenter__()
            await second.__aenter__()
            await first.__aexit__(None, None, None)
            assert await cape.invoke(b"abc") == b"cba"
            await second.__aexit__(None, None, None)
            with exactly(errors.ConfigError, match="no open connection"):
                await cape.invoke(b"abc")

    asyncio.run(main())
