"""Hosts that report, and which of them a client is led to."""

from collections import Counter

import pytest
from control_plane import Plane

from pycape.errors import Overloaded
from pycape.server import HostReport, HostsPlacement
from pycape.server.hosts import BEAT_SECONDS, MAX_HOSTS, MISSED_BEATS

TOKEN = "0123456789abcdef" * 4
VAULT = "00" * 32
REPORT = {
    "url": "wss://one.example/v2/session",
    "vault": VAULT,
    "enclaves": 1,
    "slots": 64,
    "calls": 3,
}


class Hosts:
    """A control plane that hosts report to, and the clock in the test's hand."""

    def __init__(self, folder):
        self.seconds = 0.0
        self.plane = Plane(folder)
        self.placement = HostsPlacement(TOKEN, lambda: self.plane.now, lambda: self.seconds)
        object.__setattr__(self.plane.services, "placement", self.placement)

    def report(self, name="one", token=TOKEN, **changes):
        body = {**REPORT, "url": f"wss://{name}.example/v2/session", **changes}
        return self.plane.client.put(
            f"/v2/hosts/{name}", json=body, headers={"Authorization": f"Bearer {token}"}
        )

    def placed(self):
        answer = self.plane.client.post("/v2/placements", json={})
        return answer.json()["url"] if answer.status_code == 200 else answer.status_code


@pytest.fixture
def hosts(tmp_path):
    hosts = Hosts(tmp_path)
    with hosts.plane.client:
        yield hosts
    hosts.plane.close()


def test_clients_are_led_to_a_host_until_it_is_silent_for_three_beats(hosts):
    assert hosts.placed() == 503
    assert hosts.report().status_code == 204
    assert hosts.placed() == "wss://one.example/v2/session"
    hosts.seconds += BEAT_SECONDS * MISSED_BEATS
    assert hosts.placed() == "wss://one.example/v2/session"
    hosts.seconds += 0.1
    assert hosts.placed() == 503
    assert "no enclave" in hosts.plane.client.get("/readyz").json()["checks"]["placement"]
    assert hosts.report().status_code == 204
    assert hosts.placed() == "wss://one.example/v2/session"


@pytest.mark.parametrize("changes", [{"draining": True}, {"enclaves": 0}, {"slots": 0}])
def test_one_that_takes_no_calls_is_passed_over(hosts, changes):
    hosts.report()
    hosts.report("two")
    hosts.report(**changes)
    assert {hosts.placed() for _ in range(20)} == {"wss://two.example/v2/session"}
    hosts.report("two", **changes)
    assert hosts.placed() == 503
    hosts.report()
    assert hosts.placed() == "wss://one.example/v2/session"


def test_the_less_busy_of_two_takes_the_next(hosts):
    hosts.report("one", calls=32, slots=64)
    hosts.report("two", calls=20, slots=32)
    assert {hosts.placed() for _ in range(20)} == {"wss://one.example/v2/session"}
    # Of three each pair is drawn alike; the busiest loses against both, and so has none.
    hosts.report("three", calls=0, slots=1)
    places = Counter(hosts.placed() for _ in range(300))
    assert "wss://two.example/v2/session" not in places
    assert places["wss://three.example/v2/session"] > places["wss://one.example/v2/session"] > 50


def test_load_is_shared_by_hosts_that_are_alike(hosts):
    for number in range(10):
        hosts.report(f"host-{number}")
    places = Counter(hosts.placed() for _ in range(500))
    assert len(places) == 10
    assert max(places.values()) < 5 * min(places.values()) + 50


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Cape {TOKEN}", "Bearer", TOKEN])
def test_nobody_reports_without_the_token(hosts, refused, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = hosts.plane.client.put("/v2/hosts/one", json=REPORT, headers=headers)
    problem = refused(answer, 401, "PermissionDenied")
    assert TOKEN not in str(problem)
    assert hosts.placed() == 503


def test_a_control_plane_that_takes_no_reports_says_so(plane, refused):
    answer = plane.client.put(
        "/v2/hosts/one", json=REPORT, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert "takes no reports" in refused(answer, 404, "NotFound")["detail"]


LIES = {
    "an address that is none": {"url": "one.example"},
    "an address that is not encrypted": {"url": "ws://one.example/v2/session"},
    "an address of another kind": {"url": "https://one.example/v2/session"},
    "an address without end": {"url": f"wss://one.example/{'x' * 3000}"},
    "calls below none": {"calls": -1},
    "slots without end": {"slots": 1 << 40},
    "enclaves without end": {"enclaves": 65},
    "no vault": {"vault": "zz"},
    "no measurement": {"measurement": "00"},
    "more than there is": {"weight": 100},
}


@pytest.mark.parametrize("changes", LIES.values(), ids=LIES)
def test_a_report_that_is_none_is_refused(hosts, refused, changes):
    refused(hosts.report(**changes), 400, "ProtocolError")
    assert hosts.placed() == 503


@pytest.mark.parametrize("name", ["One", "a_b", "-one", "x" * 64, "%0a"])
def test_a_name_that_is_none_is_refused(hosts, refused, name):
    answer = hosts.plane.client.put(
        f"/v2/hosts/{name}", json=REPORT, headers={"Authorization": f"Bearer {TOKEN}"}
    )
    refused(answer, 400, "ProtocolError")


def test_a_host_of_another_vault_is_told_so(hosts, refused):
    problem = refused(hosts.report(vault="11" * 32), 409, "Conflict")
    assert problem["details"] == {"host": "11" * 32, "platform": VAULT}
    assert hosts.placed() == 503


def test_a_host_that_lies_about_its_load_costs_nothing(hosts):
    """It has all clients, who see that nobody proves itself there, forget it, and ask again."""
    hosts.report("honest", calls=64)
    hosts.report("liar", calls=0)
    assert {hosts.placed() for _ in range(20)} == {"wss://liar.example/v2/session"}
    hosts.report("liar", calls=1_000_000, slots=1)
    assert {hosts.placed() for _ in range(20)} == {"wss://honest.example/v2/session"}


def test_hosts_are_no_more_than_may_be():
    seconds = 0.0
    placement = HostsPlacement(TOKEN, lambda: 0, lambda: seconds)
    report = HostReport(**REPORT)
    for number in range(MAX_HOSTS):
        placement.hear(f"host-{number}", report)
    placement.hear("host-0", report)
    with pytest.raises(Overloaded):
        placement.hear("another", report)
    seconds += 60
    placement.hear("another", report)
