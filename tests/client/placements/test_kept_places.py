"""How long a client goes to where an enclave was."""

from types import SimpleNamespace

import pytest
from tests.client.doubles import URL, Script, answer, any_policy, run
from tests.client.session_doubles import EndEvent

from pycape import Cape, _placements, errors
from pycape._directory import Directory
from pycape._placements import Place, Placements, placed

from .fleet import HELLO, YEAR_9999, address, function_of, says

NOW = 1_800_000_000


@pytest.fixture
def clock(monkeypatch):
    """A clock that does not go by itself; `wall` is the time of day, `monotonic` goes along."""
    clock = SimpleNamespace(wall=NOW, monotonic=50.0)
    monkeypatch.setattr(_placements, "now_ms", lambda: clock.wall * 1000)
    monkeypatch.setattr(_placements, "time", SimpleNamespace(monotonic=lambda: clock.monotonic))
    return clock


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
