"""How far a call has come, as its way out tells."""

import asyncio

from pycape._effects import HttpRequest
from pycape._result import Timing
from pycape.console.phases import PHASES, Phases, WatchedTransport, on_phase


def states(phases: Phases) -> dict[str, str]:
    return {name: phases.state_of(name) for name in PHASES}


def test_phases_follow_each_other():
    phases = Phases()
    assert set(states(phases).values()) == {"waits"}
    phases.begin("place")
    phases.begin("connect")
    assert states(phases) == {
        "encrypt": "not needed",
        "place": "done",
        "connect": "runs",
        "attest": "waits",
        "run": "waits",
    }
    assert phases.so_far.keys() == {"place", "connect"}
    phases.begin("attest")
    phases.begin("run")
    phases.succeed(Timing(0.0, 1.0, 2.0, 3.0))
    assert phases.seconds == {"place": phases.seconds["place"], "connect": 1, "attest": 2, "run": 3}


def test_a_phase_that_failed():
    phases = Phases()
    phases.begin("connect")
    phases.fail()
    assert states(phases)["connect"] == "failed"
    assert states(phases)["run"] == "not needed"


def test_what_begins_again_counts_anew():
    phases = Phases()
    for phase in ("connect", "attest", "place", "connect"):
        phases.begin(phase)
    assert phases.so_far.keys() == {"place", "connect"}
    assert phases.state_of("attest") == "waits"


class Silent:
    """A way out that leads nowhere, and a connection of it."""

    async def request(self, request, timeout):
        return None

    async def connect(self, url, timeout):
        return self

    async def send(self, message, timeout):
        return None

    async def receive(self, timeout, phase):
        return b"received"

    async def pending(self):
        return b"pending"

    async def close(self):
        return None


def test_a_way_out_tells_which_phase_begins():
    told = []

    async def call():
        transport = WatchedTransport(Silent())
        await transport.request(HttpRequest("GET", "http://x/v2/functions/1", {}, None), 1)
        on_phase.set(told.append)
        await transport.request(HttpRequest("GET", "http://x/v2/functions/1", {}, None), 1)
        await transport.request(HttpRequest("POST", "http://x/v2/placements", {}, b""), 1)
        connection = await transport.connect("ws://x", 1)
        assert told == ["place", "connect", "attest"]
        assert await connection.receive(1, "attest") == b"received"
        for _ in range(2):
            await connection.send(b"", 1)
        assert await connection.pending() == b"pending"
        await connection.close()
        await transport.close()

    asyncio.run(call())
    assert told == ["place", "connect", "attest", "run"]
