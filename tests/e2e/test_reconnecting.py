"""A connection that ended while nobody used it: what goes on over another, and what does not."""

import asyncio
import socket

import pytest

from pycape import AsyncCape, errors
from pycape._network import AsyncNetworkTransport, NetworkTransport

from .conftest import user
from .processes import restart_enclave

COUNT = """
cape_fork_safe = True
count = 0
def cape_handler(input):
    global count
    count += 1
    return str(count).encode()
"""


class Middlebox(NetworkTransport):
    """A network that drops what nobody uses."""

    def __init__(self):
        super().__init__()
        self.opened = []

    def connect(self, url, timeout):
        self.opened.append(super().connect(url, timeout))
        return self.opened[-1]

    def drop(self):
        self.opened[-1]._websocket._socket.shutdown(socket.SHUT_RDWR)


class AsyncMiddlebox(AsyncNetworkTransport):
    """The same, with await."""

    def __init__(self):
        super().__init__()
        self.opened = []

    async def connect(self, url, timeout):
        self.opened.append(await super().connect(url, timeout))
        return self.opened[-1]

    def drop(self):
        network = self.opened[-1]._websocket.transport.get_extra_info("socket")
        network.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def middlebox():
    return Middlebox()


@pytest.fixture
def carol(platform, tmp_path, middlebox):
    with user(platform, tmp_path / "carol", transport=middlebox) as carol:
        yield carol


@pytest.fixture
def stateless(carol, folder_of):
    """A function whose calls keep nothing."""
    return carol.deploy(folder_of(COUNT, 'isolation = "call"', "stateless"))


@pytest.fixture
def counting(carol, folder_of):
    """A function that keeps a count for each connection."""
    return carol.deploy(folder_of(COUNT, name="counting"))


def test_nothing_is_lost_and_the_call_goes_on(carol, stateless, middlebox):
    with carol.function_context(stateless, None) as function:
        assert function.invoke(b"") == b"1"
        first, opened = function.verified, len(middlebox.opened)
        middlebox.drop()
        result = function.call(b"")
        assert result.output == b"1"
        assert len(middlebox.opened) == opened + 1
        # Attested like the first; what that took is told with the call that it was for.
        assert result.verified.nonce != first.nonce
        assert function.verified.nonce == result.verified.nonce
        assert result.timing.attest > 0
        middlebox.drop()
        assert b"".join(function.stream(b"")) == b"1"
        middlebox.drop()
        assert carol.invoke(iter([b"a", b"stream"])) == b"1"
    with pytest.raises(errors.ConnectFailed, match="it was closed"):
        function.invoke(b"")


def test_nothing_is_lost_and_the_call_goes_on_with_await(
    platform, carol, stateless, tmp_path, middlebox
):
    async def main():
        box = AsyncMiddlebox()
        async with (
            AsyncCape(config_dir=tmp_path / "carol", transport=box) as cape,
            cape.function_context(stateless, None) as function,
        ):
            assert await function.invoke(b"") == b"1"
            box.drop()
            assert await function.invoke(b"") == b"1"
            box.drop()
            assert [piece async for piece in function.stream(b"")] == [b"1"]
            assert len(box.opened) == 3

    asyncio.run(main())


def test_what_the_function_kept_is_gone_and_the_caller_is_told(
    carol, counting, middlebox, tmp_path
):
    with carol.function_context(counting, None) as function:
        assert [function.invoke(b""), function.invoke(b"")] == [b"1", b"2"]
        middlebox.drop()
        for _ in range(2):
            with pytest.raises(errors.ConnectFailed, match="nothing was sent") as raised:
                function.invoke(b"")
            assert "open another" in raised.value.hint

    async def main():
        box = AsyncMiddlebox()
        async with (
            AsyncCape(config_dir=tmp_path / "carol", transport=box) as cape,
            cape.function_context(counting, None) as function,
        ):
            assert await function.invoke(b"") == b"1"
            box.drop()
            with pytest.raises(errors.ConnectFailed, match="nothing was sent"):
                await function.invoke(b"")

    asyncio.run(main())


def test_who_wants_no_second_attempt_has_none(carol, stateless, middlebox):
    with carol.with_options(max_retries=0).function_context(stateless, None) as function:
        assert function.invoke(b"") == b"1"
        middlebox.drop()
        with pytest.raises(errors.ConnectFailed, match="nothing was sent"):
            function.invoke(b"")


def test_an_enclave_that_was_replaced_meanwhile(own_platform, tmp_path, folder_of):
    with user(own_platform, tmp_path / "dave", max_retries=20) as dave:
        stateless = dave.deploy(folder_of(COUNT, 'isolation = "call"'))
        with dave.function_context(stateless, None) as function:
            assert function.invoke(b"") == b"1"
            restart_enclave(own_platform)
            assert function.invoke(b"") == b"1"


def test_a_call_that_was_broken_off_is_not_made_again(carol, folder_of, middlebox):
    slow = carol.deploy(
        folder_of(
            """
            import time
            cape_fork_safe = True
            def cape_handler(input):
                yield b"begun"
                time.sleep(600)
            """,
            'isolation = "call"',
            "slow",
        )
    )
    with carol.function_context(slow, None) as function:
        pieces = function.stream(b"")
        assert next(pieces) == b"begun"
        middlebox.drop()
        with pytest.raises(errors.StreamTruncated):
            next(pieces)
        with pytest.raises(errors.ConnectFailed, match="broken off"):
            function.invoke(b"")
