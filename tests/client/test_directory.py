"""What control planes answer, and what becomes of it. Spec: docs/spec/control-plane.md."""

import json

import pytest

from pycape import errors
from pycape._directory import Directory

from .doubles import URL, Script, answer, problem, run


@pytest.fixture
def directory():
    return Directory(URL)


NOT_AN_OBJECT = [b"", b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000, b"9" * 5000, b"null"]


@pytest.mark.parametrize("body", NOT_AN_OBJECT, ids=lambda body: repr(body[:8]))
def test_an_answer_that_is_no_object(directory, body):
    script = Script({"POST /v2/placements": answer(200, body)})
    with pytest.raises(errors.ProtocolError, match="no JSON object"):
        run(directory.place(None), script)


@pytest.mark.parametrize(
    ("operation", "path", "body"),
    [
        (lambda d: d.place(None), "POST /v2/placements", {}),
        (lambda d: d.place(None), "POST /v2/placements", {"url": 5}),
        (lambda d: d.manifest("x"), "GET /v2/functions/x", {"manifest": None}),
        (lambda d: d.manifests("a"), "GET /v2/functions", {}),
        (lambda d: d.manifests("a"), "GET /v2/functions", {"functions": {}}),
        (lambda d: d.manifests("a"), "GET /v2/functions", {"functions": ["x"]}),
        (lambda d: d.manifests("a"), "GET /v2/functions", {"functions": [{}]}),
        (lambda d: d.manifests("a"), "GET /v2/functions", {"functions": [], "cursor": 5}),
        (lambda d: d.newest("a", "n"), "GET /v2/functions", {"functions": 5}),
        (lambda d: d.name_claim("n"), "GET /v2/names/n", {"claim": []}),
        (lambda d: d.epoch_record("a"), "GET /v2/accounts/a/epoch", {}),
        (lambda d: d.revocation_list("a"), "GET /v2/revocations/a", {"list": 1}),
    ],
)
def test_an_answer_that_lacks_what_it_is_for(directory, operation, path, body):
    with pytest.raises(errors.ProtocolError, match="answer lacks"):
        run(operation(directory), Script({path: answer(200, body)}))


@pytest.mark.parametrize(
    "operation",
    [lambda d: d.name_claim("n"), lambda d: d.epoch_record("a"), lambda d: d.revocation_list("a")],
)
def test_what_nobody_published_is_none(directory, operation):
    assert run(operation(directory), Script()) is None


@pytest.mark.parametrize("version", [-1, 2**53 - 1, 2**64, 1.5, "1", [], 10**400])
def test_a_last_version_that_none_can_follow(directory, version):
    script = Script({"GET /v2/functions": answer(200, {"functions": [], "last_version": version})})
    with pytest.raises(errors.ProtocolError, match="names version"):
        run(directory.newest("a", "n"), script)


def test_the_newest_manifest_and_the_last_version(directory):
    script = Script(
        {"GET /v2/functions": answer(200, {"functions": [{"manifest": "m"}], "last_version": 7})}
    )
    assert run(directory.newest("a", "n"), script) == ("m", 7)
    script.answers["GET /v2/functions"] = answer(200, {"functions": []})
    assert run(directory.newest("a", "n"), script) == (None, 0)


def test_all_pages_of_a_list_are_asked_for(directory):
    pages = iter(
        [
            answer(200, {"functions": [{"manifest": "1"}], "cursor": "a b&c"}),
            answer(200, {"functions": [{"manifest": "2"}], "cursor": None}),
        ]
    )
    script = Script({"GET /v2/functions": lambda _request: next(pages)})
    assert run(directory.manifests("me"), script) == ["1", "2"]
    assert [request.url.partition("?")[2] for request in script.requests] == [
        "account=me",
        "account=me&cursor=a%20b%26c",
    ]


def test_a_list_that_never_ends(directory):
    script = Script({"GET /v2/functions": answer(200, {"functions": [], "cursor": "again"})})
    with pytest.raises(errors.ProtocolError, match="more than 1000 pages"):
        run(directory.manifests("me"), script)


@pytest.mark.parametrize(
    "url",
    [
        "ws://enclave.example/v2/session",
        "ws://10.0.0.1/v2/session",
        "ws://127.0.0.1.evil.example/v2/session",
        "http://127.0.0.1:80/v2/session",
        "file:///etc/passwd",
        "wss://user:password@enclave.example/",
        "wss://enclave.example/?nonce=theirs",
        "wss://enclave.example/#fragment",
        "wss://[::1",
        "wss://[1.2.3.4]/",
        "wss://enclave.example:99999/",
        "wss://enclave.example:0/",
        "wss://enclave example/",
        "wss://enclave.example/\r\nHost: evil.example",
        "wss://",
        "wss://" + "a" * 64 + ".example/",
        "",
    ],
)
def test_an_enclave_at_no_address_that_we_would_open(directory, url):
    with pytest.raises(errors.ProtocolError, match="the control plane names an enclave"):
        run(directory.place(None), Script({"POST /v2/placements": answer(200, {"url": url})}))


@pytest.mark.parametrize(
    "url",
    [
        "wss://enclave.example/v2/session",
        "wss://enclave.example:8443/v2/session",
        "ws://127.0.0.1:5/v2/session",
        "ws://localhost/v2/session",
        "ws://[::1]:5/v2/session",
        "wss://[2001:db8::1]/v2/session",
    ],
)
def test_an_enclave_at_an_address(directory, url):
    script = Script({"POST /v2/placements": answer(200, {"url": url})})
    assert run(directory.place(None), script).url == url


# Refusals


@pytest.mark.parametrize(
    ("status", "name", "kind"),
    [
        (404, "NotFound", errors.NotFound),
        (409, "Conflict", errors.Conflict),
        (413, "TooLarge", errors.TooLarge),
        (503, "Overloaded", errors.Overloaded),
        (403, "PermissionDenied", errors.PermissionDenied),
        (403, "TokenExpired", errors.TokenExpired),
        (500, "ServiceError", errors.ServiceError),
    ],
)
def test_a_problem_becomes_its_error(directory, status, name, kind):
    refused = problem(
        status, name, "because of this", hint="do that", details={"limit": "5", "n": 1}
    )
    refused = answer(status, json.loads(refused.content), X_Request_Id="r1")
    with pytest.raises(kind, match="because of this") as raised:
        run(directory.register("m"), Script({"POST /v2/functions": refused}))
    error = raised.value
    assert type(error) is kind
    assert (error.status, error.request_id, error.hint) == (status, "r1", "do that")
    assert error.details == {"limit": "5"}


@pytest.mark.parametrize(
    "name",
    [
        "PcrMismatch",
        "PolicyRequired",
        "FunctionError",
        "DecryptFailed",
        "CapeError",
        "ProtocolError",
        "x",
    ],
)
def test_a_control_plane_cannot_speak_for_an_enclave(directory, name):
    """Nor say what only this machine can know."""
    with pytest.raises(errors.ServiceError) as raised:
        run(directory.register("m"), Script({"POST /v2/functions": problem(400, name)}))
    assert type(raised.value) is errors.ServiceError


@pytest.mark.parametrize(
    "body",
    [
        *NOT_AN_OBJECT,
        {},
        {"name": 5, "detail": {}, "title": [], "details": [], "hint": 7},
        {"name": "TooLarge", "details": {"limit": "many", "size": ["x"]}},
    ],
    ids=lambda body: repr(body)[:12],
)
def test_a_refusal_without_problem_details(directory, body):
    with pytest.raises(errors.ServiceError, match="the control plane answered 502") as raised:
        run(directory.register("m"), Script({"POST /v2/functions": answer(502, body)}))
    assert raised.value.status == 502


def test_a_bare_404_is_not_found(directory):
    with pytest.raises(errors.NotFound):
        run(directory.manifest("m"), Script({"GET /v2/functions/m": answer(404, b"<html>")}))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(directory, status):
    redirect = answer(status, b"", Location="http://127.0.0.1:2/")
    with pytest.raises(errors.ServiceError, match=str(status)):
        run(directory.manifest("m"), Script({"GET /v2/functions/m": redirect}))


def test_what_a_refusal_says_is_shown_on_one_line(directory):
    refused = problem(500, "ServiceError", "a\x1b[31m\nb\x07" + "x" * 1000, hint="c\x1b]0;d\x07")
    with pytest.raises(errors.ServiceError) as raised:
        run(directory.register("m"), Script({"POST /v2/functions": refused}))
    assert str(raised.value).startswith("a [31m b ")
    assert len(str(raised.value)) == 300
    assert raised.value.hint == "c ]0;d "


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("Fri, 31 Dec 1999", None),
    ],
)
def test_retry_after(directory, header, seconds):
    refused = problem(503, "Overloaded")
    refused = answer(503, json.loads(refused.content), Retry_After=header)
    with pytest.raises(errors.Overloaded) as raised:
        run(directory.place(None), Script({"POST /v2/placements": refused}))
    assert raised.value.retry_after == seconds


def test_names_cannot_leave_their_segment(directory):
    script = Script()
    for name in ("../x", "a/b", "a?b", "a#b", "a%2fb", "ü"):
        run(directory.name_claim(name), script)
    paths = [request.url.removeprefix(URL) for request in script.requests]
    assert paths == [
        "/v2/names/..%2Fx",
        "/v2/names/a%2Fb",
        "/v2/names/a%3Fb",
        "/v2/names/a%23b",
        "/v2/names/a%252fb",
        "/v2/names/%C3%BC",
    ]
