"""How long a client goes to where an enclave was, and what ends that."""

import asyncio
import io
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from pycape import AsyncCape, Cape, _core, _placements, _session, errors
from pycape._deployments import Deployment
from pycape._directory import Directory
from pycape._output_stream import OutputStream
from pycape._placements import Place, Placements, placed
from pycape._session import Session
from pycape.packaging._progress import silent

from .doubles import URL, Script, answer, any_policy, manifest, problem, run
from .fleet import (
    HELLO,
    WRONG_HELLO,
    YEAR_9999,
    AsyncFleet,
    Awaited,
    Fleet,
    Handshake,
    address,
    has_closed,
    is_stopping,
    says,
    serves,
)
from .test_session import (
    CloseEvent,
    Core,
    CreditEvent,
    DataEvent,
    EndEvent,
    ErrorEvent,
    LogEvent,
)

NOW = 1_800_000_000


@pytest.fixture
def clock(monkeypatch):
    """A clock that does not go by itself; `wall` is the time of day, `monotonic` goes along."""
    clock = SimpleNamespace(wall=NOW, monotonic=50.0)
    monkeypatch.setattr(_placements, "now_ms", lambda: clock.wall * 1000)
    monkeypatch.setattr(_placements, "time", SimpleNamespace(monotonic=lambda: clock.monotonic))
    return clock


@pytest.fixture(params=["sync", "async"])
def make(request, monkeypatch):
    """Return a client of a fleet: as it is, or the async one as if it were."""
    monkeypatch.setattr(_session, "_core", Core)
    monkeypatch.setattr(_core, "ClientHandshake", Handshake)
    monkeypatch.setattr(Session, "sign_owner_proof", lambda *_arguments: "proof")
    monkeypatch.setattr(Handshake, "policies", [])

    def make(**options):
        options = {"policy": any_policy(), "max_retries": 0, **options}
        if request.param == "sync":
            return Cape(URL, transport=Fleet(), **options)
        return Awaited(AsyncCape(URL, transport=AsyncFleet(), **options))

    return make


@pytest.fixture
def cape(make):
    return make()


@pytest.fixture
def fleet(cape):
    return cape._transport


@pytest.fixture
def function(cape, fleet):
    return function_of(cape, "echo")


def function_of(cape, name: str) -> str:
    """Have the control plane know a function of this client's account; return its id."""
    text = manifest(cape._platform.account, name)
    function_id = _core.Manifest.verify(text).function_id
    cape._transport.answers[f"GET /functions/{function_id}"] = answer(200, {"manifest": text})
    return function_id


def test_one_answer_serves_for_many_calls(cape, fleet, function):
    for _ in range(3):
        assert cape.run(function, None, b"x") == b"output"
    assert fleet.asked == [function]
    assert fleet.connects == [1, 1, 1]
    assert all(connection.closed for connection in fleet.connections)


def test_calls_go_on_while_the_control_plane_is_away(cape, fleet, function):
    cape.run(function, None, b"x")
    fleet.answers.clear()
    fleet.place = None
    assert cape.run(function, None, b"x") == b"output"
    fleet.enclaves.clear()
    with pytest.raises(errors.Overloaded, match="no enclave is running"):
        cape.run(function, None, b"x")


def test_each_function_has_its_place_and_other_calls_have_one(cape, fleet, function):
    described = EndEvent(b"output")
    described.description = "a description"
    fleet.enclaves[1] = says(HELLO, described)
    other = function_of(cape, "other")
    for _ in range(2):
        cape.run(function, None, b"x")
        cape.run(other, None, b"x")
        cape.attest()
    assert fleet.asked == [function, other, None]


def test_a_copy_with_other_options_knows_it_too(cape, fleet, function):
    cape.run(function, None, b"x")
    copy = cape.with_options(max_retries=1)
    assert copy._platform.kept_place(function).url == address(1)


def test_another_platform_is_asked_itself(monkeypatch):
    monkeypatch.setenv("CAPE_URL", URL)
    platform = Cape(policy=any_policy())._platform
    platform.placements.keep(run(platform.place(None), named()))
    assert platform.kept_place(None) is not None
    monkeypatch.setenv("CAPE_URL", "http://127.0.0.1:3")
    assert platform.kept_place(None) is None


@pytest.mark.parametrize("expires", [None, 0, NOW - 1, NOW])
def test_an_answer_that_does_not_last_is_used_once(cape, fleet, function, clock, expires):
    fleet.expires = expires
    for _ in range(2):
        assert cape.run(function, None, b"x") == b"output"
    assert fleet.asked == [function, function]


def test_a_place_that_expired_is_asked_for_again(cape, fleet, function, clock):
    fleet.expires = NOW + 20
    cape.run(function, None, b"x")
    clock.monotonic += 19.9
    cape.run(function, None, b"x")
    assert fleet.asked == [function]
    clock.monotonic += 0.1
    cape.run(function, None, b"x")
    assert fleet.asked == [function, function]


@pytest.mark.parametrize("expires", [NOW + 301, YEAR_9999, 2**53 - 1])
def test_no_place_is_kept_for_longer_than_300_s(cape, fleet, function, clock, expires):
    """Neither a wrong clock nor a control plane that says so has a client keep it for days."""
    fleet.expires = expires
    cape.run(function, None, b"x")
    clock.monotonic += 299.9
    cape.run(function, None, b"x")
    assert fleet.asked == [function]
    clock.monotonic += 0.1
    clock.wall -= 10_000_000
    cape.run(function, None, b"x")
    assert fleet.asked == [function, function]


@pytest.mark.parametrize("expires", [-1, 2**53, 10**400, 1.5, "soon", True, [], {}])
def test_a_time_that_is_none(expires):
    with pytest.raises(errors.ProtocolError, match="expires at"):
        run(Directory(URL).place(None), named(expires))


def named(expires: object = YEAR_9999) -> Script:
    """Return a control plane that names a place."""
    body = {"url": address(1), "expires": expires}
    return Script({"POST /v2/placements": answer(200, body)})


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


def test_there_is_a_limit_to_how_many_places_are_kept(clock):
    placements = Placements()
    for number in range(1000):
        placements.keep(place(number))
    kept = [number for number in range(1000) if placements.get((URL, str(number)))]
    assert kept == [*range(744, 1000)]


def test_what_is_over_does_not_push_out_what_is_not(clock):
    placements = Placements()
    placements.keep(place(0))
    for number in range(1, 1000):
        placements.keep(place(number, expires=NOW))
    assert placements.get((URL, "0"))


def test_a_newer_place_is_not_forgotten_with_an_older_one(clock):
    placements, old, new = Placements(), place(0), place(0, port=2)
    placements.keep(old)
    placements.keep(new)
    placements.forget(old)
    assert placements.get((URL, "0")) is new
    placements.forget(place(0, port=2))
    assert placements.get((URL, "0")) is None
    placements.forget(new)


def place(number: int, *, port: int = 1, expires: int | None = NOW + 60) -> Place:
    return placed(address(port), (URL, str(number)), expires)


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
