"""Which revocation list a client brings to an enclave, and when it asks for it."""

from types import SimpleNamespace

import pytest

from pycape import _core, _fetched
from pycape._platform import Target

from .doubles import answer, manifest


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=50.0)
    monkeypatch.setattr(_fetched, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def target(account: _core.Account, token: str | None, max_age: int | None = None) -> Target:
    text = manifest(account, revocation_max_age_s=max_age)
    return Target(_core.Manifest.verify(text), token)


def test_each_token_comes_with_a_list_that_is_a_minute_old_at_most(cape, script, other, clock):
    path = f"GET /v2/revocations/{other.id}"
    lists = [other.sign_revocations(number, [], [], 1) for number in (1, 2)]
    script.answers[path] = answer(200, {"list": lists[0]})
    with_token = target(other, "token")
    assert cape._drive(cape._platform.revocations.to_bring(with_token)) == [lists[0]]
    script.answers[path] = answer(200, {"list": lists[1]})
    clock.now += 59
    assert cape._drive(cape._platform.revocations.to_bring(with_token)) == [lists[0]]
    assert len(script.requests) == 1
    clock.now += 1
    assert cape._drive(cape._platform.revocations.to_bring(with_token)) == [lists[1]]


def test_that_there_is_no_list_is_remembered_as_long(cape, script, other, clock):
    for _ in range(2):
        assert cape._drive(cape._platform.revocations.to_bring(target(other, "token"))) == []
    assert len(script.requests) == 1


def test_a_list_that_is_demanded_is_fetched_for_each_call_of_the_owner_too(cape, script, clock):
    mine = cape._platform.account
    for _ in range(2):
        cape._drive(cape._platform.revocations.to_bring(target(mine, None, 600)))
    assert len(script.requests) == 2


def test_an_owner_brings_none_that_nobody_demands(cape, script):
    assert (
        cape._drive(cape._platform.revocations.to_bring(target(cape._platform.account, None))) == []
    )
    assert not script.requests


def test_what_was_just_published_is_brought(cape, script, clock):
    mine = cape._platform.account
    with_token = target(mine, "token")
    assert cape._drive(cape._platform.revocations.to_bring(with_token)) == []
    script.answers[f"PUT /v2/revocations/{mine.id}"] = answer(200, {})
    cape.revoke()
    published = script.requests[-1].content.decode()
    assert cape._drive(cape._platform.revocations.to_bring(with_token)) == [published]
