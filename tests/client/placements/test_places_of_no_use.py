"""What a client does where no enclave is any more."""

import asyncio
import threading

import pytest
from tests.client.doubles import any_policy

from pycape import errors

from .fleet import WRONG_HELLO, Handshake, function_of, says, serves

OF_NO_USE = {
    "nobody": (errors.ConnectFailed("refused"), errors.ConnectFailed),
    "silence": (errors.TimeoutExpired("no answer", phase="connect"), errors.TimeoutExpired),
    "no room": (errors.Overloaded("no room", status=503), errors.Overloaded),
    "another program": (errors.ProtocolError("refused the handshake"), errors.ProtocolError),
    "closed": (says(errors.StreamTruncated("closed")), errors.ConnectFailed),
    "no hello": (says(errors.TimeoutExpired("nothing", phase="attest")), errors.TimeoutExpired),
    "words": (says(errors.ProtocolError("the enclave's host refused")), errors.ConnectFailed),
    "another enclave": (says(WRONG_HELLO), errors.TrustRootMismatch),
}
each_of_no_use = pytest.mark.parametrize(
    ("found", "kind"), OF_NO_USE.values(), ids=OF_NO_USE.keys()
)


@each_of_no_use
def test_a_kept_place_of_no_use_is_left_for_the_one_that_is_named_now(
    cape, fleet, function, slept, found, kind
):
    cape.run(function, None, b"x")
    fleet.enclaves, fleet.place = {1: found, 2: serves}, 2
    assert cape.run(function, None, b"x") == b"output"
    assert cape.run(function, None, b"x") == b"output"
    assert fleet.connects == [1, 1, 2, 2]
    assert fleet.asked == [function, function]
    assert slept == []
    assert all(connection.closed for connection in fleet.connections)


@each_of_no_use
def test_a_place_that_is_named_now_and_of_no_use_is_the_callers_error(
    cape, fleet, function, found, kind
):
    cape.run(function, None, b"x")
    fleet.enclaves, fleet.place = {1: errors.ConnectFailed("refused"), 2: found}, 2
    with pytest.raises(kind):
        cape.run(function, None, b"x")
    assert fleet.connects == [1, 1, 2], "once"
    fleet.enclaves[2] = serves
    assert cape.run(function, None, b"x") == b"output"
    assert fleet.asked == [function] * 3, "it was not kept"
    assert fleet.connects == [1, 1, 2, 2], "nor was the one before"


def test_both_places_are_judged_by_the_same_policy(make):
    cape = make()
    function = function_of(cape, "echo")
    cape.run(function, None, b"x")
    cape._transport.enclaves, cape._transport.place = {1: says(WRONG_HELLO), 2: serves}, 2
    pinned = {"0": ["cd" * 48]}
    cape.run(function, None, b"x", pcrs=pinned)
    _, old, new = Handshake.policies
    assert old.releases == new.releases == any_policy().with_alternatives({0: ["cd" * 48]}).releases


def test_what_is_wrong_with_this_machine_is_no_places_fault(cape, fleet, function):
    cape.run(function, None, b"x")
    fleet.enclaves[1] = errors.ConfigError("the settings of proxies cannot be used")
    with pytest.raises(errors.ConfigError):
        cape.run(function, None, b"x")
    fleet.enclaves[1] = serves
    cape.run(function, None, b"x")
    assert fleet.asked == [function]


def test_addresses_that_change_with_every_answer(make, slept):
    """Each of them dead by the time that it is gone to again: a call asks once, and no more."""
    cape = make(max_retries=1)
    fleet, function = cape._transport, function_of(cape, "echo")
    for port in range(1, 50):
        fleet.enclaves, fleet.place = {port: serves}, port
        assert cape.run(function, None, b"x") == b"output"
    assert len(fleet.asked) == 49
    assert fleet.connects == [1, *(each for port in range(2, 50) for each in (port - 1, port))]
    fleet.enclaves = {}
    with pytest.raises(errors.ConnectFailed):
        cape.run(function, None, b"x")
    assert fleet.connects[-3:] == [49, 49, 49], "what was kept, and two attempts"
    assert slept == [0.1]


@pytest.mark.parametrize("make", ["sync"], indirect=True)
def test_threads_share_a_client_and_its_places(make, slept):
    """The enclave moves while they call: none of them is told of one that is gone."""
    cape = make(max_retries=MOVES)
    fleet, function = cape._transport, function_of(cape, "echo")
    start, outcomes = threading.Barrier(9), []

    def call_often() -> None:
        start.wait()
        outcomes.extend(cape.run(function, None, b"x") for _ in range(100))

    threads = [threading.Thread(target=call_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    start.wait()
    for _ in range(MOVES):
        move(fleet)
    for thread in threads:
        thread.join(60)
    assert outcomes == [b"output"] * 800
    cape.run(function, None, b"x")
    assert fleet.connects[-1] == fleet.place == MOVES + 1


@pytest.mark.parametrize("make", ["async"], indirect=True)
def test_tasks_share_an_async_client_and_its_places(make, slept):
    cape = make()
    fleet, function = cape._transport, function_of(cape, "echo")

    async def call_at_once() -> list[bytes]:
        calls = (cape._client.run(function, None, b"x") for _ in range(20))
        return await asyncio.gather(*calls)

    for _ in range(MOVES):
        assert asyncio.run(call_at_once()) == [b"output"] * 20
        move(fleet)


MOVES = 7


def move(fleet) -> None:
    """Have the enclave be somewhere else."""
    fleet.enclaves[fleet.place + 1] = serves
    fleet.place += 1
    fleet.enclaves[fleet.place - 1] = errors.ConnectFailed("gone")
