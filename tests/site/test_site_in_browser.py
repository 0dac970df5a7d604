"""The site in a real browser: wide and narrow, light and dark."""

import json
import re
import threading
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

CHROMIUM = Path("/usr/bin/chromium")
DEVICES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
SCHEMES = {"light": "default", "dark": "slate"}

FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
# What makes a page wider than its window, when something does.
TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.body.querySelectorAll('*')];
    return wide.filter(e => e.getBoundingClientRect().right > width + 1)
        .map(e => e.tagName + '.' + e.className).slice(0, 5);
}"""
BROKEN_IMAGES = "() => [...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
HAS_SCHEME = "wanted => document.body.getAttribute('data-md-color-scheme') === wanted"


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without telling of each."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def address(site):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site.folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there: `apt-get install chromium`")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, address):
    """A page that notes what goes wrong, and asks nobody but the site."""
    page = browser.new_page()
    page.wrong = []
    page.on("console", lambda said: page.wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("requestfailed", lambda request: page.wrong.append(f"failed: {request.url}"))
    page.on("request", lambda request: check_host(request, address, page.wrong))
    page.on("response", lambda answer: check_status(answer, page.wrong))
    yield page
    page.close()


def check_host(request, address, wrong):
    parts = urlsplit(request.url)
    if parts.scheme not in {"blob", "data"} and f"{parts.scheme}://{parts.netloc}" != address:
        wrong.append(f"elsewhere: {request.url}")


def check_status(answer, wrong):
    if answer.status >= HTTPStatus.BAD_REQUEST:
        wrong.append(f"{answer.status}: {answer.url}")


def becomes(page, condition, argument=None):
    """Tell whether a condition holds, at the latest when what moves has come to rest."""
    from playwright.sync_api import TimeoutError as NotInTime

    try:
        page.wait_for_function(condition, arg=argument, timeout=10_000)
    except NotInTime:
        return False
    return True


def test_every_page_is_whole_wide_and_narrow_light_and_dark(site, page, address):
    # Each page would build the index of all words anew, which takes longer than all the rest.
    index = json.loads((site.folder / "search" / "search_index.json").read_text("utf-8"))
    page.route("**/search_index.json", lambda route: route.fulfill(json=index | {"docs": []}))
    wrong = []
    for file in site.pages:
        name = str(file.relative_to(site.folder))
        if name == "404.html":
            continue
        page.set_viewport_size(DEVICES["desktop"])
        page.goto(f"{address}/{name}", wait_until="load")
        for device, size in DEVICES.items():
            page.set_viewport_size(size)
            for scheme, expected in SCHEMES.items():
                page.emulate_media(color_scheme=scheme)
                found = [] if becomes(page, HAS_SCHEME, expected) else ["not the system's scheme"]
                if not becomes(page, FITS):
                    found += page.evaluate(TOO_WIDE)
                found += page.evaluate(BROKEN_IMAGES)
                wrong += [f"{name}, {device}, {scheme}: {each}" for each in found]
        wrong += [f"{name}: {each}" for each in page.wrong]
        page.wrong.clear()
    assert not wrong, "\n".join(wrong)


def test_the_scheme_can_be_chosen_and_is_kept(page, address):
    page.emulate_media(color_scheme="light")
    page.goto(f"{address}/index.html")
    for _ in range(2):  # from the system's to light to dark
        page.locator(".md-header__option label:visible").click()
    assert becomes(page, HAS_SCHEME, "slate")
    page.goto(f"{address}/start.html")
    assert becomes(page, HAS_SCHEME, "slate")


def test_words_are_found_by_the_sites_own_search(page, address):
    page.goto(f"{address}/index.html")
    page.keyboard.press("/")
    page.keyboard.type("PcrMismatch")
    page.locator(".md-search-result__link").first.wait_for()
    assert "CAPE-ATT-007" in page.locator(".md-search-result__list").inner_text()
    assert page.wrong == []


def luminance(colour):
    """Relative luminance of `#rrggbb`, as WCAG 2 has it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, another):
    darker, lighter = sorted(map(luminance, (one, another)))
    return (lighter + 0.05) / (darker + 0.05)


def colours(style):
    """Return the colours of a diagram's classes, `fill` before `stroke`."""
    rules = re.findall(r"([.\w]+) \{([^{}]*)\}", style)
    return {name: re.findall(r"#[0-9a-f]{6}", rule) for name, rule in rules}


def test_the_diagram_can_be_read_in_both_schemes(site):
    style = (site.folder / "concepts" / "attestation.svg").read_text("utf-8")
    light, dark = style.split("@media (prefers-color-scheme: dark)")
    for scheme in (colours(light), colours(light) | colours(dark)):
        for ground in (scheme[".panel"][0], scheme[".field"][0], scheme[".ground"][0]):
            assert contrast(scheme["text"][0], ground) >= 7
            assert contrast(scheme[".note"][0], ground) >= 4.5
            for arrow in (".put", ".puttip", ".compare", ".comparetip"):
                assert contrast(scheme[arrow][0], ground) >= 3, arrow
