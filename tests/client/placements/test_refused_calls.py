"""A call that an enclave refused before it began is made elsewhere; no other is made again."""

import asyncio
import io
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from tests.client.doubles import answer, any_policy, problem
from tests.client.session_doubles import (
    CloseEvent,
    Core,
    CreditEvent,
    DataEvent,
    EndEvent,
    ErrorEvent,
    LogEvent,
)

from pycape import errors
from pycape._deployments import Deployment
from pycape._output_stream import OutputStream
from pycape.packaging._progress import silent

from .fleet import HELLO, function_of, has_closed, is_stopping, says, serves


@pytest.mark.parametrize("refuses", [is_stopping, has_closed])
def test_a_call_that_was_refused_before_it_began_is_made_elsewhere(make, slept, refuses):
    cape = make(max_retries=1)
    fleet, function = cape._transport, function_of(cape, "echo")
    cape.run(function, None, b"x")
    fleet.enclaves, fleet.place = {1: refuses, 2: serves}, 2
    assert cape.run(function, None, bytes(100_000)) == b"output"
    assert fleet.connects == [1, 1, 2]
    assert slept == [0.1]
    assert all(connection.closed for connection in fleet.connections)


@pytest.mark.parametrize(
    ("refuses", "error"), [(is_stopping, errors.Overloaded), (has_closed, errors.ConnectFailed)]
)
def test_as_often_as_may_be(make, slept, refuses, error):
    cape = make(max_retries=2)
    fleet, function = cape._transport, function_of(cape, "echo")
    fleet.enclaves[1] = refuses
    with pytest.raises(error):
        cape.run(function, None, b"x")
    assert fleet.connects == [1, 1, 1]
    assert slept == [0.1, 0.5]


def test_attempts_over_one_connection_and_over_others_are_counted_together(make, slept):
    cape = make(max_retries=2)
    fleet, function = cape._transport, function_of(cape, "echo")
    busy = ErrorEvent("Overloaded")
    fleet.enclaves[1] = says(HELLO, busy, busy, CloseEvent(), busy)
    with pytest.raises(errors.Overloaded):
        cape.run(function, None, b"x")
    assert fleet.connects == [1]
    assert slept == [0.1, 0.5]


def test_the_next_call_goes_elsewhere_when_none_may_be_made_again(cape, fleet, function, slept):
    fleet.enclaves = {1: is_stopping, 2: serves}
    with pytest.raises(errors.Overloaded):
        cape.run(function, None, b"x")
    fleet.place = 2
    assert cape.run(function, None, b"x") == b"output"
    assert fleet.connects == [1, 2]
    assert slept == []


def test_the_next_question_goes_elsewhere_as_well(cape, fleet):
    fleet.enclaves = {1: is_stopping, 2: serves}
    with pytest.raises(errors.Overloaded):
        cape.attest()
    fleet.place = 2
    with pytest.raises(errors.ProtocolError, match="did not describe itself"):
        cape.attest()
    assert fleet.connects == [1, 2]


def test_a_stream_that_was_begun_to_be_read_is_not_sent_again(make, slept):
    cape = make(max_retries=2)
    fleet, function = cape._transport, function_of(cape, "echo")
    fleet.enclaves = {1: is_stopping, 2: serves}
    source = iter([b"piece", b"piece"])
    with pytest.raises(errors.Overloaded):
        cape.run(function, None, source)
    assert fleet.connects == [1]
    assert slept == []


def test_a_stream_that_nobody_has_read_yet_is_sent_elsewhere(make, slept):
    cape = make(max_retries=1)
    fleet, function = cape._transport, function_of(cape, "echo")
    cape.run(function, None, b"x")
    fleet.enclaves, fleet.place = {1: has_closed, 2: serves}, 2
    assert cape.run(function, None, iter([b"piece"])) == b"output"
    # This enclave answers at once: who listens meanwhile need not say that the input has ended.
    assert fleet.connections[-1].sent[:2] == ["open", len(b"piece")]


@pytest.mark.parametrize("before", [CloseEvent(), ErrorEvent("Overloaded")], ids=["late", "busy"])
@pytest.mark.parametrize("kind", [errors.Overloaded, errors.ConnectFailed])
def test_an_error_of_the_callers_own_functions_is_no_refusal(make, slept, kind, before):
    """The function runs: it has printed something, and whoever is told that raises."""

    def fails(_text: str) -> None:
        raise kind("the caller's own")

    cape = make(max_retries=2)
    fleet, function = cape._transport, function_of(cape, "echo")
    fleet.enclaves[1] = says(HELLO, before, LogEvent(b"printed"), EndEvent(b"output"))
    with pytest.raises(kind, match="the caller's own"):
        cape.run(function, None, b"x", logs=fails)
    assert fleet.connects == [1]
    assert slept == ([0.1] if isinstance(before, ErrorEvent) else [])


@pytest.mark.parametrize(
    "breaks",
    [
        says(HELLO, errors.StreamTruncated("closed with 1001 (going away)")),
        says(HELLO, DataEvent(b"out"), errors.StreamTruncated("closed")),
        says(HELLO, errors.TimeoutExpired("nothing happened", phase="request")),
    ],
)
def test_a_call_that_may_have_run_is_not_made_again_and_the_next_goes_elsewhere(
    make, slept, breaks
):
    cape = make(max_retries=2)
    fleet, function = cape._transport, function_of(cape, "echo")
    fleet.enclaves = {1: breaks, 2: serves}
    with pytest.raises((errors.StreamTruncated, errors.TimeoutExpired)):
        cape.run(function, None, b"x")
    assert fleet.connects == [1]
    fleet.place = 2
    assert cape.run(function, None, b"x") == b"output"
    assert fleet.connects == [1, 2]
    assert slept == []


def test_a_bundle_is_handed_over_whole_to_the_next_enclave(make, slept):
    cape = make(max_retries=1)
    platform, fleet, bundle = cape._platform, cape._transport, io.BytesIO(bytes(3_000_000))
    described = EndEvent()
    described.description = SimpleNamespace(runtime=None)
    takes_it = says(HELLO, described, CreditEvent(), CreditEvent(), EndEvent())
    fleet.enclaves[1] = iter([is_stopping(), takes_it()]).__next__
    deployment = Deployment("text", SimpleNamespace(bundle_size=3_000_000), exists=False)
    cape._ask_at(
        any_policy(),
        lambda opened: platform.deployments.hand_over(opened, deployment, bundle, silent),
    )
    assert fleet.connects == [1, 1]
    pieces = [each for each in fleet.connections[1].sent if isinstance(each, int)]
    assert sum(pieces) == 3_000_000


def test_what_the_control_plane_refuses_is_no_refusal_of_the_enclave(make, slept, monkeypatch):
    """The enclave gave the new epoch's key: whether that is published is another question."""
    cape = make(max_retries=2)
    account, fleet = cape._platform.account.id, cape._transport
    proved = SimpleNamespace(trust_root_digest="ab" * 32, release_digest="cd" * 32)
    monkeypatch.setattr(Core, "attestation", proved)
    monkeypatch.setattr(Core, "open_key", lambda *_arguments: (1, "open"), raising=False)
    given = EndEvent()
    given.account_key = SimpleNamespace(account=account, kem="xwing", epoch=1, public_key=b"key")
    fleet.enclaves[1] = iter([is_stopping(), says(HELLO, given)()]).__next__
    fleet.answers["GET /functions"] = answer(200, {"functions": []})
    fleet.answers[f"PUT /accounts/{account}/epoch"] = problem(503, "Overloaded", "no records now")
    with pytest.raises(errors.Overloaded, match="no records now"):
        cape.rotate_keys()
    assert fleet.connects == [1, 1]
    assert slept == [0.1]


@pytest.mark.parametrize("refuses", [is_stopping, has_closed])
def test_a_function_context_says_so_and_the_next_one_is_opened_elsewhere(refuses, make, slept):
    client = make(max_retries=2)
    fleet, function = client._transport, function_of(client, "echo")
    described = serves()
    described.answers.insert(1, EndEvent())
    refused = refuses()
    refused.answers.insert(1, EndEvent())
    late, refused.early = refused.early, []
    fleet.enclaves = {1: lambda: refused, 2: lambda: described}

    with opened(client, function) as context:
        refused.early = late
        with pytest.raises((errors.Overloaded, errors.ConnectFailed)):
            context.invoke(b"x")
    fleet.place = 2
    with opened(client, function) as context:
        assert context.invoke(b"x") == b"output"
    assert fleet.connects == [1, 2]
    assert slept == []


def test_a_stream_that_breaks_has_the_next_connection_opened_elsewhere(make, slept):
    client = make()
    fleet, function = client._transport, function_of(client, "echo")
    fleet.enclaves = {1: says(HELLO, EndEvent(), DataEvent(b"out")), 2: says(HELLO, EndEvent())}
    with opened(client, function), pytest.raises(errors.StreamTruncated):
        taken(client._context.stream(b"x"))
    fleet.place = 2
    with opened(client, function):
        assert fleet.connects == [1, 2]


def taken(stream) -> list[bytes]:
    """Take all of a stream."""

    async def take() -> list[bytes]:
        return [piece async for piece in stream]

    return [*stream] if isinstance(stream, OutputStream) else asyncio.run(take())


@contextmanager
def opened(client, function: str):
    """Open a function context; that of the async client is called as the sync one's is."""
    client.connect(function, None)
    try:
        yield client
    finally:
        client.close()
