"""The pages in Chromium: a walk through all of them on a platform that runs.

Nothing is asked for elsewhere, nothing is complained of in the browser's console.
"""

import itertools
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from tests.pages import ROOT

from pycape.console.forms import MOST_INPUT

from .conftest import HOSTILE, enter, fits

WIDTHS = {"desktop": 1000, "phone": 390}


@contextmanager
def opened(browser, console, **options):
    """Open a console's address; complaints and requests are looked at when all is done."""
    complaints, requested = [], set()
    context = browser.new_context(**options)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requested.add(request.url.split("/")[2]))
    enter(page, console)
    yield page
    address = console.entrance.split("/")[2]
    context.close()
    assert complaints == []
    assert requested == {address}


def go(page, name: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=name).click()
    page.wait_for_load_state()


def run(page) -> None:
    """Send the form of a function's page; the page of the call is there then."""
    page.get_by_role("button", name="run it in the enclave").click()
    page.wait_for_url("**/calls/*")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", WIDTHS)
def test_a_walk_through_all_pages(browser, console, device, scheme):
    viewport = {"width": WIDTHS[device], "height": 800}
    with opened(browser, console, viewport=viewport, color_scheme=scheme) as page:
        assert "key=" not in page.url
        assert page.get_by_text("a genuine enclave, running approved code").is_visible()
        assert fits(page)

        go(page, "functions")
        assert fits(page)
        page.get_by_role("link", name="shout").click()
        assert fits(page)
        page.get_by_label("input").fill("one\ntwo")
        assert page.get_by_label("encrypt it first").is_checked()
        run(page)
        page.locator(".state.done").wait_for()
        assert page.get_by_label("output").inner_text() == "ONE\nTWO"
        assert "evil" in page.get_by_label("log").inner_text()
        assert page.title() != "taken"
        for phase in ("encrypt", "connect", "attest", "run"):
            assert re.search(r"[\d.]+ m?s", page.locator(f".phases .{phase}").inner_text())
        assert page.locator("svg.bar rect").count() >= 4
        assert fits(page)

        go(page, "calls")
        assert page.locator(".state.done").first.is_visible()
        assert fits(page)
        go(page, "enclave")
        assert page.locator(".checks li").count() == 10
        assert page.locator(".registers").get_by_text("as in the policy", exact=True).count() == 3
        assert page.locator(".chain > li").count() == 6
        assert fits(page)
        go(page, "keys")
        page.locator("summary").first.click()
        assert page.get_by_text("capepk1").first.is_visible()
        assert fits(page)


def test_a_call_is_seen_while_it_runs_and_stopped(browser, console):
    with opened(browser, console) as page:
        go(page, "functions")
        page.get_by_role("link", name="shout").click()
        page.get_by_label("input").fill("wait")
        run(page)
        page.get_by_label("log").wait_for()
        page.locator(".phases .run.is-runs").wait_for()
        stop = page.get_by_role("button", name="stop it")
        stop.focus()
        before = page.locator(".phases .run .value").inner_text()
        page.wait_for_function(
            "before => document.querySelector('.phases .run .value').innerText !== before",
            arg=before,
        )
        assert stop.evaluate("element => element === document.activeElement")
        page.keyboard.press("Enter")
        page.locator(".state.stopped").wait_for()
        assert stop.count() == 0


def test_a_list_of_calls_is_kept_up_to_date(browser, console):
    with opened(browser, console) as page:
        go(page, "calls")
        other = page.context.new_page()
        other.goto(page.url.replace("/calls", "/functions"))
        other.get_by_role("link", name="shout").click()
        other.get_by_label("input").fill("x")
        run(other)
        other.locator(".state.done").wait_for()
        number = other.url.rpartition("/")[2]
        page.get_by_role("link", name=number, exact=True).wait_for()


def test_a_file_is_sent_whole_and_one_too_large_is_not(browser, console):
    data = bytes(range(256))
    with opened(browser, console) as page:
        go(page, "functions")
        page.get_by_role("link", name="shout").click()
        chosen = page.get_by_label("or a file")
        file = {"name": "f", "mimeType": "application/octet-stream"}
        chosen.set_input_files([{**file, "buffer": b"x" * (MOST_INPUT + 1)}])
        page.get_by_role("button", name="run it in the enclave").click()
        assert "cape run FUNCTION -f FILE" in chosen.evaluate(
            "element => element.validationMessage"
        )
        assert "/functions/" in page.url
        chosen.set_input_files([{**file, "buffer": data}])
        run(page)
        page.locator(".state.done").wait_for()
        with page.expect_download() as download:
            page.get_by_role("link", name="Save it").click()
        assert download.value.path().read_bytes() == data.upper()


def test_without_scripts_a_call_is_seen_as_well(browser, console):
    with opened(browser, console, java_script_enabled=False) as page:
        go(page, "functions")
        page.get_by_role("link", name="shout").click()
        assert not page.get_by_label("or a file").is_visible()
        page.get_by_label("input").fill("hello")
        run(page)
        page.locator(".state.done").wait_for()
        assert page.get_by_label("output").inner_text() == "HELLO"


def test_by_keyboard_alone(browser, console):
    with opened(browser, console) as page:
        page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "to the content"
        for _ in range(3):
            page.keyboard.press("Tab")
        assert page.locator(":focus").inner_text() == "functions"
        page.keyboard.press("Enter")
        page.wait_for_url("**/functions")


def test_what_a_function_writes_runs_nothing(browser, console):
    assert "<script>" in HOSTILE
    with opened(browser, console) as page:
        go(page, "functions")
        page.get_by_role("link", name="shout").click()
        page.get_by_label("input").fill("fail")
        run(page)
        page.locator(".state.failed").wait_for()
        assert "taken" in page.get_by_label("traceback").inner_text()
        assert page.title().startswith("call ")


@pytest.fixture(scope="module")
def elsewhere(console):
    """A page of another site, such as a chat's, on which somebody wrote the console's address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            body = (
                f'<a href="{console.entrance}">the address</a>'
                f"<button onclick=\"window.open('{console.entrance}')\">open it</button>"
                f'<a href="{console.entrance_for_one}">the address for one</a>'
                f'<a href="{console.entrance.partition("/enter")[0]}/calls">calls</a>'
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    # To a browser `localhost` is another site than 127.0.0.1; another port would be none.
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()
        thread.join()


def follow(page, way: str):
    """Follow the link on a page; the page that is open then."""
    match way:
        case "a click":
            page.get_by_role("link", name="the address", exact=True).click()
            return page
        case "a click, once":
            page.get_by_role("link", name="the address for one").click()
            return page
        case "a middle click":
            with page.context.expect_page() as opened:
                page.get_by_role("link", name="the address", exact=True).click(button="middle")
        case "window.open":
            with page.context.expect_page() as opened:
                page.get_by_role("button").click()
    return opened.value


@pytest.mark.parametrize(
    ("way", "scripts"),
    [
        *itertools.product(["a click", "a click, once", "a middle click"], [True, False]),
        ("window.open", True),
    ],
)
def test_a_link_on_another_site_leads_in(browser, console, elsewhere, way, scripts):
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(elsewhere)
    inside = follow(page, way)
    inside.wait_for_url(console.entrance.partition("/enter")[0] + "/")
    assert inside.get_by_text("a genuine enclave, running approved code").is_visible()
    if scripts:
        assert "key=" not in inside.evaluate("document.referrer")
    if inside is page:
        page.go_back()
        assert page.url == elsewhere, "no page with the key is left behind it"
    context.close()


def test_a_link_on_another_site_leads_nowhere_without_the_key(browser, console, elsewhere):
    """Also not in a browser that was let in: the cookie goes with what these pages ask for."""
    context = browser.new_context()
    page = context.new_page()
    enter(page, console)
    page.goto(elsewhere)
    page.get_by_role("link", name="calls").click()
    page.wait_for_url("**/calls")
    assert page.get_by_text("this browser has not been let in").is_visible()
    context.close()


def test_another_page_cannot_show_it_in_a_frame(browser, console):
    context = browser.new_context()
    page = context.new_page()
    enter(page, console)
    page.goto(f"data:text/html,<iframe src='{page.url}'></iframe>")
    [_, frame] = page.frames
    frame.wait_for_load_state()
    assert frame.url.startswith("chrome-error:")
    context.close()


def test_the_pictures_of_the_guide_can_be_made_again(tmp_path):
    guide = ROOT / "docs" / "guide" / "console"
    command = [sys.executable, guide / "screenshots.py", "--into", tmp_path]
    subprocess.run(command, check=True, timeout=300, capture_output=True)
    made = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert made.keys() == {file.name for file in guide.glob("*.png")}
    assert [name for name, size in made.items() if size > 150 << 10] == []
    page = guide.with_suffix(".md").read_text("utf-8")
    assert [name for name in made if f"](console/{name})" not in page] == []
