"""What control planes answer, and what becomes of it. Spec: docs/spec/control-plane.md."""

import json

import pytest

from pycape import Token, _core, errors
from pycape._clock import now_ms
from pycape._directory import Directory

from .doubles import URL, Script, answer, manifest, problem, run

ACCOUNT = _core.Account.generate()


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


# Lies that prove themselves to be lies


def test_another_manifest_than_asked_for(cape, script, other):
    wanted, served = manifest(other, version=1), manifest(other, version=2)
    wanted = _core.Manifest.verify(wanted)
    for exact in (wanted.function_id, wanted.checksum):
        script.answers[f"GET /v2/functions/{exact}"] = answer(200, {"manifest": served})
    with pytest.raises(errors.ChecksumMismatch, match=wanted.function_id):
        cape.manifest(wanted.function_id)


def test_a_manifest_that_was_altered(cape, script, other):
    text = manifest(other)
    function = _core.Manifest.verify(text).function_id
    head, _, signature = text.rpartition(".")
    altered = f"{head}.{signature[:-8]}AAAAAAAA"
    script.answers[f"GET /v2/functions/{function}"] = answer(200, {"manifest": altered})
    with pytest.raises(errors.PermissionDenied):
        cape.manifest(function)


def test_the_newest_version_of_another_account(cape, script, other):
    script.answers["GET /v2/functions"] = answer(
        200, {"functions": [{"manifest": manifest(other)}]}
    )
    with pytest.raises(errors.ProtocolError, match=other.id):
        cape.manifest(f"{cape.account_id}/echo")


def test_functions_of_others_in_a_list(cape, script, other):
    mine = cape._platform.account
    functions = [{"manifest": manifest(account)} for account in (mine, other)]
    script.answers["GET /v2/functions"] = answer(200, {"functions": functions})
    assert [each.account for each in cape.functions()] == [mine.id]


def test_the_claim_of_another_name(cape, script, other):
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": other.sign_name_claim("eve")})
    with pytest.raises(errors.RecipientUnknown, match="the claim of 'eve'"):
        cape.account_of("bob")
    with pytest.raises(errors.RecipientUnknown, match="the claim of 'eve'"):
        cape.trust_account("bob")


def test_a_name_that_is_another_account_now(cape, script, other):
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": ACCOUNT.sign_name_claim("bob")})
    assert cape.account_of("bob") == ACCOUNT.id
    script.answers["GET /v2/names/bob"] = answer(200, {"claim": other.sign_name_claim("bob")})
    with pytest.raises(errors.RecipientChanged) as raised:
        cape.account_of("bob")
    assert raised.value.details == {"name": "bob", "known": ACCOUNT.id, "now": other.id}
    assert cape.trust_account("bob") == other.id
    assert cape.account_of("bob") == other.id


@pytest.mark.parametrize(
    "user", ["Bob", "b", "", "..", "bob/x", "cape1" + "q" * 58, "b" * 33, "bob\n"]
)
def test_a_recipient_of_neither_form_is_not_asked_for(cape, script, user):
    with pytest.raises(errors.RecipientUnknown, match="neither an account id nor a user name"):
        cape.account_of(user)
    assert script.requests == []


def test_the_epoch_of_another_account(cape, script, other):
    mine = cape.account_id
    record = answer(200, {"record": other.sign_epoch_record(4)})
    script.answers[f"GET /v2/accounts/{mine}/epoch"] = record
    with pytest.raises(errors.ProtocolError, match=other.id):
        cape.rotate_keys()


def test_an_older_epoch_than_was_seen(cape, script):
    """Each is remembered as soon as its signature holds, whatever comes of the call."""
    mine = cape._platform.account
    path = f"/v2/accounts/{mine.id}/epoch"
    script.answers[f"GET {path}"] = answer(200, {"record": mine.sign_epoch_record(5)})
    script.answers["GET /v2/functions"] = answer(200, {"functions": []})
    script.answers["POST /v2/placements"] = answer(200, {"url": "ws://127.0.0.1:5/v2/session"})
    with pytest.raises(errors.ConnectFailed):
        cape.rotate_keys()
    script.answers[f"GET {path}"] = answer(200, {"record": mine.sign_epoch_record(4)})
    with pytest.raises(errors.RecipientChanged, match=r"epoch 4 .* and 5 is known"):
        cape._drive(cape._platform.keys.epoch(mine.id))
    assert all(request.method != "PUT" for request in script.requests), "nothing was published"


def test_a_rotation_goes_on_from_the_highest_epoch_that_is_known(cape, script):
    """Whatever the directory has lost, or withholds from the account's own client."""
    mine = cape._platform.account
    cape._platform.keys.known_epochs.learn(mine.id, 7)
    script.answers["GET /v2/functions"] = answer(200, {"functions": []})
    for said, following in ((None, 8), (6, 8), (7, 8), (9, 10)):
        if said is not None:
            record = answer(200, {"record": mine.sign_epoch_record(said)})
            script.answers[f"GET /v2/accounts/{mine.id}/epoch"] = record
        rotation = cape._drive(cape._platform.keys.plan_rotation())
        assert _core.verify_epoch_record(rotation.text) == (mine.id, following)
        assert rotation.epoch == following


def published(script: Script) -> _core.RevocationList:
    return _core.RevocationList.verify(script.requests[-1].content.decode())


def test_an_older_revocation_list_does_not_undo_a_newer_one(cape, script, other):
    """A directory that shows its owner an old list would have it signed anew otherwise."""
    path = f"/v2/revocations/{cape.account_id}"
    script.answers[f"PUT {path}"] = answer(200, {})
    tokens = [
        cape._sign_token("ab" * 32, 60, None),
        cape._sign_token("cd" * 32, 60, None),
        cape._sign_token("ef" * 32, 60, None),
    ]
    assert cape.revoke(tokens=tokens[:1]) == 1
    old = script.requests[-1].content.decode()
    assert cape.revoke(tokens=tokens[1:2]) == 2
    script.answers[f"GET {path}"] = answer(200, {"list": old})
    assert cape.revoke(tokens=tokens[2:]) == 3
    assert set(published(script).jtis) == {token.inspect().jti for token in tokens}


def test_a_newer_revocation_list_of_another_machine_goes_on(cape, script):
    mine = cape._platform.account
    path = f"/v2/revocations/{mine.id}"
    script.answers[f"PUT {path}"] = answer(200, {})
    cape.revoke()
    newer = mine.sign_revocations(9, ["a-jti-of-elsewhere"], ["ab" * 32], 1)
    script.answers[f"GET {path}"] = answer(200, {"list": newer})
    assert cape.revoke() == 10
    assert published(script).jtis == ["a-jti-of-elsewhere"]
    assert published(script).checksums == ["ab" * 32]


def test_a_token_of_another_account_is_not_revoked(cape, script, other):
    """It would be on a list that no enclave asks for, and go on to hold."""
    theirs = Token(other.sign_token("ab" * 32, 60, None, now_ms()))
    own = cape._sign_token("ab" * 32, 60, None)
    with pytest.raises(errors.PermissionDenied, match=other.id):
        cape.revoke(tokens=[own, theirs])
    assert not script.requests


def test_another_server_is_not_taken_for_a_control_plane(cape, script):
    script.answers[f"GET /v2/revocations/{cape.account_id}"] = answer(502, b"<html>Bad Gateway")
    with pytest.raises(errors.ServiceError, match="the control plane answered 502") as raised:
        cape.revoke()
    assert "`cape config` shows where the address comes from" in raised.value.hint


def test_the_revocation_list_of_another_account(cape, script, other):
    served = other.sign_revocations(1, [], [], 1)
    script.answers[f"GET /v2/revocations/{cape.account_id}"] = answer(200, {"list": served})
    with pytest.raises(errors.ProtocolError, match=other.id):
        cape.revoke()
