"""Hosts that report, and which of them a client is led to."""

from collections import Counter

import pytest
from control_plane import Plane
from starlette.testclient import TestClient
from tests.e2e.processes import no_more_descriptors

from pycape.server import Admissions, HostsPlacement, Rate, admissions, create_app
from pycape.server.admissions import admit, dismiss
from pycape.server.hosts import BEAT_SECONDS, MISSED_BEATS

TOKEN = "0123456789abcdef" * 4
NAMES = ["one", "two", "three", "honest", "liar", *(f"host-{number}" for number in range(10))]
VAULT = "00" * 32
REPORT = {
    "url": "wss://one.example/v2/session",
    "vault": VAULT,
    "instance": "00" * 16,
    "enclaves": 1,
    "slots": 64,
    "calls": 3,
}


def token_of(name):
    return f"{TOKEN} of {name}".replace(" ", "-")


class Hosts:
    """A control plane that hosts report to, and the clock in the test's hand."""

    def __init__(self, folder):
        self.seconds = 0.0
        self.plane = Plane(folder)
        self.file = folder / "hosts.json"
        for name in NAMES:
            admit(self.file, name, token_of(name))
        self.placement = HostsPlacement(
            Admissions(self.file), lambda: self.plane.now, lambda: self.seconds
        )
        object.__setattr__(self.plane.services, "placement", self.placement)

    def report(self, name="one", token=None, client=None, **changes):
        body = {**REPORT, "url": f"wss://{name}.example/v2/session", **changes}
        authorization = f"Bearer {token or token_of(name)}"
        return (client or self.plane.client).put(
            f"/v2/hosts/{name}", json=body, headers={"Authorization": authorization}
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


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer",
        "Bearer wrong",
        token_of("one"),
        f"Cape {token_of('one')}",
        f"Bearer {token_of('two')}",
    ],
)
def test_nobody_reports_without_the_hosts_token(hosts, refused, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = hosts.plane.client.put("/v2/hosts/one", json=REPORT, headers=headers)
    problem = refused(answer, 401, "PermissionDenied")
    assert TOKEN not in str(problem)
    assert hosts.placed() == 503


def test_a_control_plane_that_takes_no_reports_says_so(plane, refused):
    answer = plane.client.put(
        "/v2/hosts/one", json=REPORT, headers={"Authorization": f"Bearer {token_of('one')}"}
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
    "no instance": {"instance": "one"},
    "more than there is": {"weight": 100},
}


@pytest.mark.parametrize("changes", LIES.values(), ids=LIES)
def test_a_report_that_is_none_is_refused(hosts, refused, changes):
    refused(hosts.report(**changes), 400, "ProtocolError")
    assert hosts.placed() == 503


@pytest.mark.parametrize("name", ["One", "a_b", "-one", "x" * 64, "%0a"])
def test_a_name_that_is_none_is_refused(hosts, refused, name):
    answer = hosts.plane.client.put(
        f"/v2/hosts/{name}", json=REPORT, headers={"Authorization": f"Bearer {token_of('one')}"}
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


def test_a_name_is_of_one_agent_at_a_time(hosts, refused):
    first, second = {"instance": "11" * 16}, {"instance": "22" * 16, "url": "wss://x/v2/session"}
    assert hosts.report(**first).status_code == 204
    problem = refused(hosts.report(**second), 409, "Conflict")
    assert problem["detail"] == "another agent reports as one already"
    assert problem["details"] == {"url": "wss://one.example/v2/session"}
    assert "`name` of host.toml" in problem["hint"]
    assert hosts.report(**first).status_code == 204
    assert hosts.placed() == "wss://one.example/v2/session"


def test_an_agent_that_was_killed_is_followed_when_it_is_silent(hosts):
    hosts.report(instance="11" * 16)
    hosts.seconds += BEAT_SECONDS * MISSED_BEATS
    assert hosts.report(instance="22" * 16).status_code == 409
    hosts.seconds += 0.1
    assert hosts.report(instance="22" * 16).status_code == 204
    assert hosts.report(instance="11" * 16).status_code == 409


def test_an_agent_that_drains_is_followed_at_once(hosts):
    hosts.report(instance="11" * 16, draining=True)
    assert hosts.report(instance="22" * 16).status_code == 204
    assert hosts.report(instance="11" * 16, draining=True).status_code == 409
    assert hosts.placed() == "wss://one.example/v2/session"


def test_a_new_token_counts_beside_the_one_before_until_that_is_dismissed(hosts, refused):
    old, new = token_of("one"), "f" * 64
    admit(hosts.file, "one", new)
    assert {hosts.report(token=token).status_code for token in (old, new)} == {204}
    dismiss(hosts.file, "one", earlier_only=True)
    refused(hosts.report(token=old), 401, "PermissionDenied")
    assert hosts.report(token=new).status_code == 204
    admit(hosts.file, "one", "e" * 64)
    admit(hosts.file, "one", "d" * 64)
    refused(hosts.report(token=new), 401, "PermissionDenied")


def test_a_host_that_is_dismissed_is_gone_at_once(hosts, refused):
    hosts.report()
    hosts.report("two")
    dismiss(hosts.file, "one")
    assert {hosts.placed() for _ in range(20)} == {"wss://two.example/v2/session"}
    refused(hosts.report(), 401, "PermissionDenied")


@pytest.mark.parametrize("spoil", ["{", '{"one": []}', '{"one": ["x"]}', '{"One": ["00"]}', None])
def test_a_file_that_is_damaged_admits_nobody(hosts, refused, caplog, spoil):
    hosts.report()
    if spoil is None:
        hosts.file.unlink()
    else:
        hosts.file.write_text(spoil)
    refused(hosts.report(), 401, "PermissionDenied")
    assert hosts.placed() == 503
    assert ("hosts not read" in caplog.text) == (spoil is not None)
    admit_anew(hosts)
    assert hosts.report().status_code == 204


def test_a_file_that_could_not_be_read_for_a_moment_is_read_again_as_it_is(hosts, caplog):
    hosts.report()
    admit(hosts.file, "two", "f" * 64)
    proof = f"Bearer {token_of('one')}"
    with no_more_descriptors():
        assert not any(hosts.placement.may_report("one", proof) for _ in range(3))
        assert hosts.placement.place(None) is None
    assert caplog.text.count("hosts not read") == 1, "once, and not at each request"
    assert hosts.placement.may_report("one", proof)
    assert hosts.report().status_code == 204
    assert hosts.placed() == "wss://one.example/v2/session"


def test_the_file_is_looked_at_as_often_whether_few_hosts_report_or_many(hosts, monkeypatch):
    looked, identity = [], admissions._identity
    monkeypatch.setattr(admissions, "_identity", lambda file: looked.append(file) or identity(file))

    def looks() -> int:
        looked.clear()
        hosts.report("one")
        hosts.placed()
        return len(looked)

    few = looks()
    for name in NAMES:
        hosts.report(name)
    assert looks() == few


def test_of_hosts_that_are_silent_those_alone_are_forgotten(hosts):
    for name in ("one", "two", "three"):
        hosts.report(name, calls=0)
    hosts.seconds += BEAT_SECONDS * MISSED_BEATS
    hosts.report("one", calls=1)
    hosts.report("three", draining=True)
    hosts.seconds += 0.1
    assert {hosts.placed() for _ in range(20)} == {"wss://one.example/v2/session"}
    assert hosts.report("two", instance="22" * 16).status_code == 204
    assert hosts.report("one", instance="22" * 16).status_code == 409


def admit_anew(hosts):
    hosts.file.unlink(missing_ok=True)
    admit(hosts.file, "one", token_of("one"))


@pytest.fixture
def flooded(hosts):
    """A control plane at which strangers have used up what all of them may send."""
    app = create_app(
        hosts.plane.services,
        rate=Rate(per_second=0.001, burst=2),
        total=Rate(per_second=0.001, burst=20),
        host=Rate(per_second=0.001, burst=3),
    )
    strangers = [TestClient(app, client=(f"192.0.2.{number}", 1)) for number in range(1, 31)]
    statuses = Counter(each.get("/v2/names/nobody").status_code for each in strangers)
    assert statuses == {404: 20, 429: 10}
    return app


def test_a_flood_of_strangers_keeps_no_host_from_reporting(hosts, flooded):
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.40"):
        host = TestClient(flooded, client=(address, 1))
        assert hosts.report(client=host).status_code == 204
    assert hosts.placed() == "wss://one.example/v2/session"


def test_a_stranger_who_claims_to_be_a_host_is_limited_as_one(hosts, flooded, refused):
    stranger = TestClient(flooded, client=("192.0.2.1", 1))
    for token in ("wrong", token_of("two")):
        refused(hosts.report(client=stranger, token=token), 429, "Overloaded")
    hosts.report("two", client=stranger)
    answer = stranger.get("/v2/hosts/one", headers={"Authorization": "Bearer x"})
    refused(answer, 429, "Overloaded")


def test_a_host_that_floods_takes_nothing_from_others(hosts, flooded, refused):
    client = TestClient(flooded, client=("192.0.2.50", 1))
    statuses = [hosts.report(client=client).status_code for _ in range(5)]
    assert statuses == [204] * 3 + [429] * 2
    assert "this host" in refused(hosts.report(client=client), 429, "Overloaded")["detail"]
    assert hosts.report("two", client=client).status_code == 204
    assert 'cape_control_rate_limited_total{scope="host"} 3.0' in client.get("/metrics").text
