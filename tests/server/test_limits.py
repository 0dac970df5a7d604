"""Limits hold on every operation, and say what they are."""

import itertools

import pytest
from control_plane import UNLIMITED, Plane
from starlette.testclient import TestClient

from pycape.server import Rate, create_app
from pycape.server.app import OPERATIONS
from pycape.server.operations import MAX_BODY_BYTES

OPERATION = pytest.mark.parametrize(
    "operation", OPERATIONS, ids=lambda operation: f"{operation.method} {operation.path}"
)
SCARCE = Rate(per_second=0.01, burst=0)


def path_of(operation):
    return operation.path.replace("{name}", "alice").replace("{account}", "x").replace("{id}", "x")


@OPERATION
def test_a_body_that_is_too_large(plane, refused, operation):
    body = b"x" * (MAX_BODY_BYTES + 1)
    problem = refused(
        plane.client.request(operation.method, path_of(operation), content=body), 413, "TooLarge"
    )
    assert problem["details"] == {"size": str(len(body)), "limit": str(MAX_BODY_BYTES)}
    assert problem["code"] == "CAPE-SVC-003"


@OPERATION
def test_too_many_requests_of_one_address(tmp_path, refused, operation):
    plane = Plane(tmp_path, rate=SCARCE)
    answer = plane.client.request(operation.method, path_of(operation))
    if operation.path == "/healthz":
        assert answer.status_code == 200
    else:
        assert "this address" in refused(answer, 429, "Overloaded")["detail"]
        assert int(answer.headers["Retry-After"]) in {100, 101}
    plane.close()


@OPERATION
def test_too_many_requests_of_everybody(tmp_path, refused, operation):
    """Operators see what happens then."""
    plane = Plane(tmp_path, total=SCARCE)
    answer = plane.client.request(operation.method, path_of(operation))
    if operation.path in {"/healthz", "/metrics", "/readyz"}:
        assert answer.status_code in {200, 503}
        assert answer.json()["status"] != "" if "json" in answer.headers["Content-Type"] else True
    else:
        assert "everybody" in refused(answer, 429, "Overloaded")["detail"]
        assert int(answer.headers["Retry-After"]) in {100, 101}
        text = plane.client.get("/metrics").text
        assert 'cape_control_rate_limited_total{scope="all"} 1.0' in text
    plane.close()


def test_one_address_does_not_use_up_what_all_may_send(tmp_path):
    plane = Plane(tmp_path)
    app = create_app(
        plane.services,
        rate=Rate(per_second=0.01, burst=2),
        total=Rate(per_second=0.01, burst=5),
    )
    statuses = [
        TestClient(app, client=(address, 1)).get("/v2/names/nobody").status_code
        for address in ("192.0.2.1",) * 9 + ("192.0.2.2",) * 2 + ("192.0.2.3",) * 2
    ]
    assert statuses == [404] * 2 + [429] * 7 + [404] * 2 + [404, 429]
    plane.close()


def test_the_limits_are_those_of_one_application(tmp_path):
    plane = Plane(tmp_path)
    apps = [create_app(plane.services, rate=Rate(0.01, 1), total=UNLIMITED) for _ in range(2)]
    statuses = [
        TestClient(app).get("/v2/names/nobody").status_code
        for app in itertools.chain(apps, apps[:1])
    ]
    assert statuses == [404, 404, 429]
    plane.close()
