"""Placement, health, limits, and what every answer has in common."""

import json
import logging
import os
import sqlite3
from dataclasses import replace

import pytest
from control_plane import Plane
from starlette.testclient import TestClient

from pycape.errors import error_class
from pycape.server import Rate, create_app, log_to, stop_logging
from pycape.server.rate_limit import MAX_BUCKETS, RateLimit
from pycape.server.readiness import Readiness
from pycape.server.statements import MAX_STATEMENT_BYTES


def test_a_placement_has_an_address_and_an_end(plane, account, refused):
    answer = plane.client.post("/v2/placements", json={"function": None})
    refused(answer, 503, "Overloaded")
    assert answer.headers["Retry-After"] == "1"

    plane.placement.register("ws://127.0.0.1:4000/v2/session")
    placed = plane.client.post("/v2/placements", json={"function": None}).json()
    assert placed == {"url": "ws://127.0.0.1:4000/v2/session", "expires": plane.now + 300}

    function = plane.register(account.manifest()).json()
    for key in ("id", "checksum"):
        answer = plane.client.post("/v2/placements", json={"function": function[key]})
        assert answer.status_code == 200

    plane.placement.withdraw()
    refused(plane.client.post("/v2/placements", json={}), 503, "Overloaded")


def test_an_unknown_function_has_no_place(plane, refused):
    plane.placement.register("ws://127.0.0.1:4000/v2/session")
    answer = plane.client.post("/v2/placements", json={"function": "nowhere"})
    refused(answer, 404, "NotFound")


@pytest.mark.parametrize("body", ["", "[]", "{", '{"function": 3}', '{"host": "me"}'])
def test_a_malformed_placement_is_refused(plane, refused, body):
    headers = {"Content-Type": "application/json"}
    answer = plane.client.post("/v2/placements", content=body, headers=headers)
    refused(answer, 400, "ProtocolError")


def test_health_and_readiness(plane):
    assert plane.client.get("/healthz").json() == {"status": "ok", "checks": {}}
    waiting = plane.client.get("/readyz")
    assert waiting.status_code == 503
    assert waiting.json()["checks"] == {
        "blobs": "ok",
        "placement": "no enclave is running",
        "records": "ok",
    }
    plane.placement.register("ws://127.0.0.1:4000/v2/session")
    assert plane.client.get("/readyz").status_code == 200


def test_readiness_tells_a_store_that_is_gone(plane):
    plane.placement.register("ws://127.0.0.1:4000/v2/session")
    (plane.folder / "blobs" / "incoming").rmdir()
    plane.records.close()
    (plane.folder / "records.db").write_bytes(b"not a database" * 1000)
    answer = plane.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["blobs"].startswith("nothing can be stored (FileNotFoundError")
    assert "does not answer" in answer.json()["checks"]["records"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_readiness_tells_a_folder_that_may_not_be_written(plane):
    (plane.folder / "blobs" / "incoming").chmod(0o500)
    assert "PermissionError" in plane.client.get("/readyz").json()["checks"]["blobs"]


def test_readiness_tells_records_that_take_no_changes(plane):
    """Reading would still work."""
    holder = sqlite3.connect(plane.folder / "records.db")
    holder.execute(
        "CREATE TRIGGER full BEFORE INSERT ON spent_nonces BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    holder.commit()
    holder.close()
    checks = plane.client.get("/readyz").json()["checks"]
    assert "takes no changes" in checks["records"]
    assert plane.client.get("/v2/names/nobody").status_code == 404


def test_asking_often_checks_once(tmp_path):
    plane = Plane(tmp_path)
    services = replace(plane.services, readiness=Readiness(valid_seconds=60))
    client = TestClient(create_app(services))
    assert client.get("/readyz").json()["checks"]["placement"] == "no enclave is running"
    plane.placement.register("ws://127.0.0.1:4000/v2/session")
    assert client.get("/readyz").status_code == 503
    plane.close()


def test_unknown_paths_and_methods_are_problems_too(plane, refused):
    refused(plane.client.get("/v1/anything"), 404, "NotFound")
    refused(plane.client.get("/v2/functions/"), 404, "NotFound")
    answer = plane.client.post("/healthz")
    refused(answer, 405, "ProtocolError")
    assert "GET" in answer.headers["Allow"]


def test_a_body_beyond_the_limit_is_refused_whether_or_not_its_length_is_told(plane, refused):
    body = b"x" * (MAX_STATEMENT_BYTES + 1)
    problem = refused(plane.statement("PUT", "/v2/names/alice", body), 413, "TooLarge")
    assert problem["details"] == {"size": str(len(body)), "limit": str(MAX_STATEMENT_BYTES)}

    pieces = (b"x" * 1000 for _ in range(MAX_STATEMENT_BYTES // 1000 + 1))
    refused(plane.statement("PUT", "/v2/names/alice", pieces), 413, "TooLarge")


def test_a_problem_leads_back_to_its_class_and_its_page(plane):
    problem = plane.client.get("/v2/names/nobody").json()
    assert error_class(problem["name"]).code == problem["code"] == "CAPE-SVC-001"
    assert problem["type"].endswith("CAPE-SVC-001.md")
    assert problem["title"] == "Nothing is known by this name or id"


def test_an_address_that_sends_too_many_requests_waits(tmp_path, refused):
    plane = Plane(tmp_path, rate=Rate(per_second=0.1, burst=3))
    statuses = [plane.client.get("/v2/names/nobody").status_code for _ in range(4)]
    assert statuses == [404, 404, 404, 429]
    answer = plane.client.get("/v2/names/nobody")
    refused(answer, 429, "Overloaded")
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    assert plane.client.get("/healthz").status_code == 200
    plane.close()


def test_a_bucket_fills_again_and_belongs_to_one_address():
    now = 0.0
    limit = RateLimit(Rate(per_second=2, burst=2), clock=lambda: now)
    assert [limit.take("192.0.2.1") for _ in range(2)] == [0, 0]
    assert limit.take("192.0.2.1") == pytest.approx(0.5)
    assert limit.take("192.0.2.2") == 0
    now = 0.5
    assert limit.take("192.0.2.1") == 0
    assert limit.take("192.0.2.1") > 0


def test_addresses_of_one_ipv6_site_share_a_bucket():
    limit = RateLimit(Rate(per_second=1, burst=1), clock=lambda: 0)
    assert limit.take("2001:db8::1") == 0
    assert limit.take("2001:db8::2") > 0
    assert limit.take("2001:db8:0:1::2") == 0


def test_the_number_of_buckets_is_bounded():
    limit = RateLimit(Rate(per_second=1, burst=1), clock=lambda: 0)
    for number in range(MAX_BUCKETS + 10):
        limit.take(f"address {number}")
    assert len(limit._buckets) == MAX_BUCKETS


def test_a_defect_is_told_without_its_text(plane, refused):
    def fails():
        raise RuntimeError("secret")

    services = replace(plane.services, platform=fails)
    client = TestClient(create_app(services), raise_server_exceptions=False)
    answer = client.get("/v2/platform")
    problem = refused(answer, 500, "ServiceError")
    assert "secret" not in json.dumps(problem)


def test_the_log_has_a_line_of_json_for_a_request_and_no_payload(plane, account, tmp_path):
    path = tmp_path / "log"
    with path.open("w") as stream:
        handler = log_to(stream, logging.INFO)
        claim = account.name_claim("alice")
        answer = plane.statement("PUT", "/v2/names/alice", claim)
        stop_logging(handler)
    (line,) = [json.loads(line) for line in path.read_text().splitlines()]
    assert line["event"] == "request"
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert (line["method"], line["path"], line["status"]) == ("PUT", "/v2/names/alice", 201)
    assert claim.split(".")[1] not in path.read_text()
