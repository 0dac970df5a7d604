"""What is tried again. Spec: docs/spec/session.md, retry."""

import asyncio

import pytest

from pycape import AsyncCape, Cape, Timeout, _core, errors
from pycape._retry import pause

from .doubles import (
    URL,
    AsyncScriptedTransport,
    Script,
    ScriptedTransport,
    answer,
    any_policy,
    problem,
)

PLACED = answer(200, {"url": "ws://127.0.0.1:2/v2/session"})


def overloaded(seconds: float | None) -> errors.Overloaded:
    return errors.Overloaded("full", retry_after=seconds)


@pytest.mark.parametrize(
    ("seconds", "waits"),
    [(0, 0), (0.25, 0.25), (30, 30), (30.1, None), (float("nan"), None), (-1, None)],
)
def test_a_pause_is_as_long_as_was_asked_for_or_there_is_none(seconds, waits):
    assert pause(overloaded(seconds), 0, 1) == waits


def test_a_pause_grows_when_nothing_was_asked_for():
    for error in (overloaded(None), errors.ConnectFailed("nobody")):
        pauses = [pause(error, attempt, 5) for attempt in range(6)]
        assert pauses == [0.1, 0.5, 2.0, 2.0, 2.0, None]


def encrypt(transport, **options):
    return Cape(URL, policy=any_policy(), transport=transport, **options).encrypt(b"x")


def test_a_connection_that_failed_is_tried_again(slept):
    transport = ScriptedTransport(Script({"POST /v2/placements": PLACED}))
    with pytest.raises(errors.ConnectFailed, match="no enclave here"):
        encrypt(transport)
    assert len(transport.connects) == 3
    assert len(set(transport.connects)) == 3, "each with a nonce of its own"
    assert slept == [0.1, 0.5]


def test_the_async_client_does_the_same(slept):
    transport = AsyncScriptedTransport(Script({"POST /v2/placements": PLACED}))

    async def main():
        await AsyncCape(URL, policy=any_policy(), transport=transport).encrypt(b"x")

    with pytest.raises(errors.ConnectFailed, match="no enclave here"):
        asyncio.run(main())
    assert len(transport.connects) == 3
    assert slept == [0.1, 0.5]


def test_a_platform_without_room_is_asked_again_when_it_says(slept):
    full = problem(503, "Overloaded")
    full.headers["Retry-After"] = "1.5"
    script = Script({"POST /v2/placements": full})
    with pytest.raises(errors.Overloaded):
        encrypt(ScriptedTransport(script), max_retries=1)
    assert slept == [1.5]


def test_a_platform_that_asks_for_an_hour_is_not_waited_for(slept):
    full = problem(503, "Overloaded")
    full.headers["Retry-After"] = "3600"
    with pytest.raises(errors.Overloaded) as raised:
        encrypt(ScriptedTransport(Script({"POST /v2/placements": full})))
    assert raised.value.retry_after == 3600
    assert slept == []


@pytest.mark.parametrize(
    "refusal", [problem(404, "NotFound"), problem(500, "ServiceError"), answer(200, b"x")]
)
def test_nothing_else_is_tried_again(slept, refusal):
    script = Script({"POST /v2/placements": refusal})
    with pytest.raises(errors.CapeError):
        encrypt(ScriptedTransport(script))
    assert len(script.requests) == 1
    assert slept == []


def test_what_changes_something_is_sent_once(slept):
    def unanswered(_request):
        raise errors.ConnectFailed("no answer")

    script = Script()
    with Cape(URL, policy=any_policy(), transport=ScriptedTransport(script)) as cape:
        script.answers["PUT /v2/names/bob"] = unanswered
        with pytest.raises(errors.ConnectFailed):
            cape.claim_name("bob")
    assert len(script.requests) == 1
    assert slept == []


def test_phases_have_their_times():
    transport = ScriptedTransport(Script({"POST /v2/placements": PLACED}))
    with pytest.raises(errors.ConnectFailed):
        encrypt(transport, max_retries=0, timeout=Timeout(connect=1.5))
    assert transport.timeouts == [1.5, 1.5]


@pytest.mark.parametrize("phase", ["connect", "attest", "request", "idle"])
@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 1_000_001])
def test_a_time_that_is_none(phase, seconds):
    with pytest.raises(ValueError, match=f"timeout `{phase}`"):
        Timeout(**{phase: seconds})


def test_no_limit_is_none():
    assert Timeout(connect=None, attest=None, request=None, idle=None).request is None


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_retries": -1}, ValueError),
        ({"max_retries": 1.5}, TypeError),
        ({"max_retries": "1"}, TypeError),
        ({"timeout": 5}, TypeError),
    ],
)
def test_options_of_another_kind(options, error):
    with pytest.raises(error):
        Cape(URL, **options)
    with pytest.raises(error):
        Cape(URL).with_options(**options)


def test_a_copy_with_other_options_shares_the_rest(tmp_path):
    cape = Cape(URL, timeout=Timeout(request=5))
    copy = cape.with_options(max_retries=7)
    assert copy._options.max_retries == 7
    assert copy._options.timeout == Timeout(request=5)
    assert cape._options.max_retries == 2
    assert copy._platform is cape._platform
    assert copy.account_id == cape.account_id
    assert _core.is_account_id(copy.account_id)
