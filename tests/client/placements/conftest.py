import pytest
from tests.client.doubles import URL, any_policy
from tests.client.session_doubles import Core

from pycape import AsyncCape, Cape, _core, _session
from pycape._session import Session

from .fleet import AsyncFleet, Awaited, Fleet, Handshake, function_of


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
