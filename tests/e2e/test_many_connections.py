"""Fifty connections at once: right answers, or `Overloaded` with the time to come back."""

import asyncio
import threading
from pathlib import Path

import pytest

from pycape import AsyncCape
from pycape.errors import Overloaded

from .processes import descendants, wait_until

COUNT = 50
INPUTS = [number.to_bytes(2, "big") * 100 for number in range(COUNT)]


@pytest.fixture(params=["sync", "async"])
def run_all(request, alice, echo, tmp_path):
    """Run the inputs at once, each over a connection of its own; the answers in their order.

    An answer is None for `Overloaded` with a hint; whatever else goes wrong is raised.
    """
    token = alice.create_token(echo)

    def run(max_retries: int) -> list[bytes | None]:
        cape = alice.with_options(max_retries=max_retries)
        together, answers = threading.Barrier(COUNT), dict.fromkeys(INPUTS, "no answer")

        def call(data: bytes) -> None:
            together.wait(30)
            try:
                answers[data] = cape.run(echo, token, data)
            except Overloaded as error:
                assert error.retry_after is not None
                answers[data] = None

        threads = [threading.Thread(target=call, args=(data,)) for data in INPUTS]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        return list(answers.values())

    async def run_async(max_retries: int) -> list[bytes | None]:
        async def call(data: bytes) -> bytes | None:
            try:
                return await cape.run(echo, token, data)
            except Overloaded as error:
                assert error.retry_after is not None
                return None

        async with AsyncCape(config_dir=tmp_path / "alice", max_retries=max_retries) as cape:
            return list(await asyncio.gather(*map(call, INPUTS)))

    if request.param == "sync":
        return run
    return lambda max_retries: asyncio.run(run_async(max_retries))


def test_fifty_at_once_are_right_or_told_when_to_come_back(run_all):
    answers = run_all(max_retries=0)
    for data, answer in zip(INPUTS, answers, strict=True):
        assert answer in {data, None}
    assert set(answers) != {None}


def test_fifty_at_once_are_all_right_when_they_come_back(platform, alice, echo, run_all):
    descriptors = Path(f"/proc/{platform.enclave_pid}/fd")
    pid, workers = platform.enclave_pid, len(descendants(platform.enclave_pid))
    before = len(list(descriptors.iterdir()))
    assert run_all(max_retries=20) == INPUTS
    assert platform.enclave_pid == pid
    wait_until(lambda: len(list(descriptors.iterdir())) <= before + 5)
    # Those that wait for a call of the function do so for a minute.
    wait_until(lambda: len(descendants(pid)) <= workers + 5, seconds=150)
    assert alice.run(echo, None, b"well") == b"well"


def test_fifty_connections_that_are_open_at_once(alice, echo, tmp_path):
    """All of them attested before the first call is made, and each is used again."""

    async def main() -> None:
        opened = 0
        all_open = asyncio.Event()

        async def use(data: bytes) -> None:
            nonlocal opened
            async with cape.function_context(echo, None) as function:
                opened += 1
                if opened == COUNT:
                    all_open.set()
                await all_open.wait()
                for _ in range(3):
                    assert await function.invoke(data) == data

        async with AsyncCape(config_dir=tmp_path / "alice", max_retries=20) as cape:
            await asyncio.wait_for(asyncio.gather(*map(use, INPUTS)), 120)

    asyncio.run(main())
