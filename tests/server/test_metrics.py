"""The control plane in numbers."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def samples(plane):
    """The exposition: a value for each (name, labels)."""
    answer = plane.client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def requests(plane, **labels):
    return samples(plane).get(("cape_control_requests_total", tuple(sorted(labels.items()))), 0)


def test_requests_are_counted_by_operation_and_status(plane, account):
    for name in ("nobody", "someone"):
        plane.client.get(f"/v2/names/{name}")
    plane.statement("PUT", "/v2/names/alice", account.name_claim("alice"))
    route = "/v2/names/{name}"
    assert requests(plane, method="GET", route=route, status="404") == 2
    assert requests(plane, method="PUT", route=route, status="201") == 1
    found = samples(plane)
    assert found["cape_control_request_duration_seconds_count", (("route", route),)] == 3
    assert found["cape_control_requests_running", ()] == 1  # this one


def test_what_is_no_operation_has_no_label_of_its_own(plane):
    plane.client.get("/sesam")
    plane.client.request("SESAM", "/v2/platform")
    assert requests(plane, method="unknown", route="unknown", status="404") == 1
    assert requests(plane, method="unknown", route="unknown", status="405") == 1


def test_checks_are_told_as_readiness_tells_them(plane):
    check = ("cape_control_check", (("check", "placement"),))
    assert samples(plane)[check] == 0
    plane.placement.register("ws://127.0.0.1:4000/v2/session")
    assert samples(plane)[check] == 1


def test_nothing_that_was_sent_is_in_the_metrics(plane, account):
    function = plane.register(account.manifest()).json()
    plane.statement("PUT", "/v2/names/sesam", account.name_claim("sesam"))
    plane.client.get(f"/v2/functions/{function['id']}")
    plane.client.get(f"/v2/functions?account={account.id}&name=sesam")
    plane.client.get("/sesam?sesam=sesam", headers={"Sesam": "sesam"})
    plane.client.request("SESAM", "/v2/names/sesam")
    plane.delete(account, function["id"])
    text = plane.client.get("/metrics").text.lower()
    sent = (
        "sesam",
        account.id,
        function["id"],
        function["checksum"],
        function["name"],
        "testclient",
    )
    for word in sent:
        assert word.lower() not in text, word


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
def test_what_operators_ask_costs_no_statement(plane, path):
    plane.placement.register("ws://127.0.0.1:4000/v2/session")
    assert plane.client.get(path).status_code == 200
