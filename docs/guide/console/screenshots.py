"""Make the pictures of docs/guide/console.md again, on a platform of their own.

    python docs/guide/console/screenshots.py

It needs Chromium, and Playwright from requirements/development.in.
"""

import argparse
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from pycape import Cape
from pycape.console import Console
from pycape.errors import FunctionError
from pycape.local import LocalPlatform, Runs

HERE = Path(__file__).parent
DESKTOP = {"width": 960, "height": 720}
PHONE = {"width": 390, "height": 780}

FUNCTIONS = {
    "word-count": """
import json
from collections import Counter

def cape_handler(data):
    words = data.decode().lower().split()
    print(f"{len(words)} words, {len(set(words))} different ones")
    return json.dumps(dict(Counter(words).most_common(3)))
""",
    "slow-motion": """
import time

def cape_handler(data, context):
    for step in range(1, 6):
        context.log(f"step {step} of 5")
        time.sleep(0.5)
    return data.upper()
""",
    "always-fails": """
def cape_handler(data):
    print("this goes well so far")
    return data[0] / 0
""",
}


def main() -> None:
    """Start all that is needed, and make the pictures."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--into", type=Path, default=HERE, help="the folder for the pictures")
    into = arguments.parse_args().into
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        config = home / "config"
        runs = Runs()
        with LocalPlatform(
            data_folder=home / "data", config_folder=config, port=0, runs=runs
        ) as platform:
            deploy(config, home)
            call_by_program(config)
            console = Console(
                config_dir=config, metrics_url=lambda: platform.enclave_url, runs=runs
            )
            with console, sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox"]
                )
                take(browser, console.entrance, into)
                browser.close()


def deploy(config: Path, home: Path) -> None:
    """Deploy the functions, each from a folder of its own."""
    with Cape(config_dir=config) as cape:
        for name, source in FUNCTIONS.items():
            folder = home / name
            folder.mkdir()
            (folder / "app.py").write_text(source)
            cape.deploy(folder)


def call_by_program(config: Path) -> None:
    """Call them from elsewhere than a page."""
    with Cape(config_dir=config) as cape:
        functions = {manifest.name: manifest.function_id for manifest in cape.functions()}
        cape.run(cape.function(functions["word-count"]), None, b"to be or not to be" * 1000)
        with suppress(FunctionError):
            cape.run(cape.function(functions["always-fails"]), None, b"x")
        with cape.function_context(functions["word-count"], None) as function:
            for word in ("one", "two"):
                function.invoke(word.encode())


def take(browser: Browser, entrance: str, into: Path) -> None:
    """Walk through the pages, by day on a desktop and by night on a phone."""
    page = browser.new_page(viewport=DESKTOP, color_scheme="light")
    enter(page, entrance)
    address = page.url

    call(page, "slow-motion", "hello world")
    page.get_by_text("step 3 of 5").wait_for()
    page.screenshot(path=into / "running.png")
    page.locator(".state.done").wait_for()
    call(page, "always-fails", "hello world")
    page.locator(".state.failed").wait_for()
    call(page, "word-count", "to be or not to be")
    page.locator(".state.done").wait_for()
    page.screenshot(path=into / "call.png")

    for name in ("", "calls", "enclave", "keys"):
        page.goto(address + name)
        page.screenshot(path=into / f"{name or 'overview'}.png")
        if name == "enclave":
            take_chain(page, into / "chain.png")
            page.get_by_role("heading", name="Measurements").evaluate("it => it.scrollIntoView()")
            page.screenshot(path=into / "measurements.png")

    phone = browser.new_page(viewport=PHONE, color_scheme="dark")
    enter(phone, entrance)
    for name in ("enclave", "calls/3"):
        phone.goto(address + name)
        phone.screenshot(path=into / f"phone-{name.partition('/')[0]}.png")


def enter(page: Page, entrance: str) -> None:
    """Open the console's address, and be on its first page."""
    page.goto(entrance)
    page.wait_for_url("**/")


def take_chain(page: Page, file: Path) -> None:
    """Take the chain as a whole, with its heading, however high it is."""
    top, bottom = (
        page.get_by_role("heading", name=name).bounding_box() for name in ("Chain", "Measurements")
    )
    height = bottom["y"] - top["y"]
    clip = {"x": 0, "y": top["y"], "width": DESKTOP["width"], "height": height}
    page.screenshot(path=file, full_page=True, clip=clip)


def call(page: Page, function: str, text: str) -> None:
    """Call a function by its form."""
    page.get_by_role("link", name="functions", exact=True).click()
    page.get_by_role("link", name=function).click()
    page.get_by_label("input").fill(text)
    page.get_by_role("button", name="run it in the enclave").click()


if __name__ == "__main__":
    main()
