"""A console on a real platform, with functions that write what pages have to be careful with."""

import re
import shutil
from pathlib import Path

import httpx
import pytest

from pycape import Cape
from pycape._config import Config
from pycape.console import Console

# What a page would run, or a terminal obey, if it were passed on as it is.
HOSTILE = "<script>document.title='taken'</script> \x1b[31m \u202eevil"
HARMLESS = "&lt;script&gt;document.title=&#39;taken&#39;&lt;/script&gt; \ufffd[31m \ufffdevil"

SHOUT = f"""
import time

def cape_handler(data, context):
    context.log({HOSTILE!r})
    if data.startswith(b"fail"):
        raise ValueError({HOSTILE!r})
    if data.startswith(b"wait"):
        time.sleep(60)
    if data.startswith(b"much"):
        return b"x" * (2 << 20)
    return data.upper()
"""


class Visitor:
    """A browser without scripts, in which the address of a console was opened."""

    def __init__(self, console: Console) -> None:
        self.address = console.entrance.partition("/enter")[0]
        self.http = httpx.Client(base_url=self.address, follow_redirects=True, timeout=60)

    def enter(self, console: Console) -> None:
        assert self.http.get(console.entrance).status_code == 200

    def text(self, path: str, status: int = 200) -> str:
        answer = self.http.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def form_token(self) -> str:
        page = self.text("/functions/" + self.function_id("shout"))
        return re.search(r'name="form_token" value="([^"]+)"', page)[1]

    def function_id(self, name: str) -> str:
        return re.search(rf'href="/functions/(\w+)">{name}<', self.text("/functions"))[1]

    def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        sent = {"Origin": self.address, **headers}
        return self.http.post(path, data=fields, headers=sent, follow_redirects=False)

    def call(self, name: str = "shout", **fields: str) -> str:
        """Call a function by its form; the path of the call's page."""
        form = {"form_token": self.form_token(), "function": self.function_id(name), **fields}
        answer = self.post("/calls", form)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def when_over(self, path: str) -> str:
        """Return a call's page when nothing more comes of it."""
        assert "event: over" in self.text(f"{path}/changes")
        return self.text(path)


def enter(page, console) -> None:
    """Open a console's address, and be on its first page."""
    page.goto(console.entrance)
    page.wait_for_url("**/")


def fits(page) -> bool:
    """Whether nothing is wider than the window, with its style."""
    page.wait_for_load_state()
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def joined(platform, folder: Path, policy: str | None = None) -> Path:
    """Make a configuration that has joined the platform, with a policy of one's own if given."""
    Config(config_dir=folder).install_profile(platform.profile, make_default=True)
    if policy is not None:
        profile = folder / "profiles" / "local.toml"
        written = profile.read_text("utf-8")
        assert platform.profile.policy_toml.strip() in written
        profile.write_text(written.replace(platform.profile.policy_toml.strip(), policy))
    return folder


@pytest.fixture(scope="package")
def home(platform, tmp_path_factory):
    """A user's configuration, and functions of hers."""
    folder = joined(platform, tmp_path_factory.mktemp("console") / "config")
    bundle = tmp_path_factory.mktemp("functions") / "shout"
    bundle.mkdir()
    (bundle / "app.py").write_text(SHOUT)
    with Cape(config_dir=folder) as cape:
        cape.deploy(bundle)
    return folder


@pytest.fixture(scope="package")
def console(platform, home):
    with Console(config_dir=home, metrics_url=lambda: platform.enclave_url) as console:
        yield console


@pytest.fixture
def stranger(console):
    """Somebody who knows where the console is, and nothing else."""
    visitor = Visitor(console)
    yield visitor
    visitor.http.close()


@pytest.fixture
def visitor(console, stranger):
    stranger.enter(console)
    return stranger


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
