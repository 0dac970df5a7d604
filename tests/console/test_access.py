"""Nobody sees a page without the key, and no other page's form does anything."""

import pytest

from pycape.console import Console
from pycape.console.app import HEADERS

PAGES = [
    "/",
    "/functions",
    "/functions/find?name=x",
    "/calls",
    "/calls/changes",
    "/enclave",
    "/keys",
]


@pytest.mark.parametrize("path", [*PAGES, "/nowhere", "/enter", "/enter?key=", "/enter?key=wrong"])
def test_without_the_key_there_is_nothing_but_the_way_to_one(platform, stranger, path):
    page = stranger.text(path, 403)
    assert "cape console" in page
    assert "CAPE-SVC-010" in page
    assert platform.url not in page
    assert "form_token" not in page
    assert not stranger.http.cookies


def test_the_key_is_exchanged_for_a_cookie_that_scripts_and_other_sites_do_not_have(
    console, stranger
):
    answer = stranger.http.get(console.entrance, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/entered")
    name, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(attributes)
    assert not any(each.startswith(("Max-Age", "Expires")) for each in attributes)
    port = stranger.address.rpartition(":")[2]
    assert name.startswith(f"cape-console-{port}=")
    assert console.entrance.partition("key=")[2] not in name
    assert stranger.text("/calls")


def test_the_way_in_ends_with_a_request_of_a_page_of_its_own(platform, console, stranger):
    """Where it began elsewhere, the browser keeps the cookie back until then."""
    stranger.http.get(console.entrance, follow_redirects=False)
    stranger.http.cookies.clear()
    page = stranger.text("/entered")
    assert '<meta http-equiv="refresh" content="0; url=/">' in page
    assert '<a href="/">Go on</a>' in page
    assert platform.url not in page
    assert "form_token" not in page
    assert console.entrance.partition("key=")[2] not in page


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/enter?key=wrong", "/entered", "/static/console.css"]
)
def test_every_answer_makes_the_browser_careful(stranger, visitor, path):
    for http in (stranger.http, visitor.http):
        headers = http.get(path).headers
        assert {name: headers[name] for name in HEADERS} == HEADERS


def test_the_policy_lets_in_nothing_from_elsewhere_and_nothing_inline():
    policy = dict(part.split(" ", 1) for part in HEADERS["Content-Security-Policy"].split("; "))
    assert policy.pop("default-src") == policy.pop("base-uri") == "'none'"
    assert policy.pop("frame-ancestors") == "'none'"
    assert set(policy.values()) == {"'self'"}


@pytest.mark.parametrize("host", ["evil.example", "localhost:PORT", "127.0.0.1", "127.0.0.1:1", ""])
def test_another_host_name_leads_nowhere(visitor, host):
    """As a page's own name does that was made to lead here (DNS rebinding)."""
    port = visitor.address.rpartition(":")[2]
    answer = visitor.http.get("/calls", headers={"Host": host.replace("PORT", port)})
    assert answer.status_code == 403
    assert f"it is at {visitor.address}" in answer.text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
def test_a_form_of_another_page_does_nothing(visitor, origin):
    form = {"form_token": visitor.form_token(), "function": visitor.function_id("shout")}
    before = visitor.text("/calls")
    answer = visitor.post("/calls", form, Origin=origin)
    assert answer.status_code == 403
    assert "did not come from a page of the console" in answer.text
    assert visitor.text("/calls") == before


def test_a_request_that_says_no_origin_does_nothing(visitor):
    form = {"form_token": visitor.form_token(), "function": visitor.function_id("shout")}
    assert visitor.http.post("/calls", data=form).status_code == 403


@pytest.mark.parametrize("form_token", [None, "", "wrong"])
@pytest.mark.parametrize("path", ["/calls", "/calls/1/stop"])
def test_a_form_without_this_consoles_token_does_nothing(visitor, path, form_token):
    form = {"function": visitor.function_id("shout")}
    if form_token is not None:
        form["form_token"] = form_token
    answer = visitor.post(path, form)
    assert answer.status_code == 403
    assert "the form is of another run of the console" in answer.text


def test_an_address_for_one_opens_once(console, stranger):
    address = console.entrance_for_one
    assert address != console.entrance
    assert stranger.http.get(address, follow_redirects=False).status_code == 303
    assert stranger.http.get(address, follow_redirects=False).status_code == 403


def test_two_consoles_have_nothing_in_common(console, home, visitor):
    with Console(config_dir=home) as other:
        address, _, key = other.entrance.partition("/enter?key=")
        assert key not in console.entrance
        assert visitor.http.get(f"{address}/calls").status_code == 403
        assert visitor.http.get(other.entrance).status_code == 200
        assert len(visitor.http.cookies) == 2
