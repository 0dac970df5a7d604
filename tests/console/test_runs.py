"""Calls of the shell and of programs, on the pages of `cape dev`."""

import contextlib
import logging
import os
import queue
import re
import signal
import threading
import time

import pytest
from tests.e2e.processes import wait_until

from pycape.console import Console
from pycape.console.views.calls import LATEST
from pycape.errors import CapeError, FunctionError, TokenExpired
from pycape.local import LocalPlatform, Runs
from pycape.local.runs import Run

from .conftest import SHOUT, Visitor, enter, fits

SECRET = "sesame"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def runs():
    return Runs()


@pytest.fixture(scope="module")
def platform(folder, runs):
    """One that tells what runs in its enclave."""
    folders = {"data_folder": folder / "data", "config_folder": folder / "config"}
    with LocalPlatform(**folders, port=0, runs=runs) as platform:
        yield platform


@pytest.fixture(scope="module")
def program(platform, folder):
    """A program that has nothing to do with the console."""
    with platform.client(folder / "config") as cape:
        yield cape


@pytest.fixture(scope="module")
def shout(program, folder):
    bundle = folder / "shout"
    bundle.mkdir()
    (bundle / "app.py").write_text(SHOUT)
    return program.deploy(bundle)


@pytest.fixture
def console(platform, folder, runs, shout):
    with Console(config_dir=folder / "config", runs=runs) as console:
        yield console


@pytest.fixture
def visitor(console):
    visitor = Visitor(console)
    visitor.enter(console)
    yield visitor
    visitor.http.close()


@contextlib.contextmanager
def told(runs: Runs, count: int = 1):
    """Give a list that has what ran, after all of it has ended: callers know a little earlier."""
    before = list(runs)
    latest: list[Run] = []
    yield latest
    wait_until(lambda: len(ended_since(runs, before)) == count)
    latest += ended_since(runs, before)


def ended_since(runs: Runs, before: list[Run]) -> list[Run]:
    known = {run.begun for run in before}
    return [run for run in runs if run.has_ended and run.begun not in known]


def test_a_call_of_a_program_is_on_the_pages_as_the_enclave_sees_it(program, shout, runs, visitor):
    with told(runs) as latest:
        output = program.run(shout, None, SECRET.encode())
    [run] = latest
    assert (run.name, run.version, run.function_id) == ("shout", 1, shout.id)
    assert (run.checksum, run.outcome) == (shout.checksum, "ok")
    assert (run.input_size, run.output_size) == (len(SECRET), len(output))
    assert {"worker", "input", "run"} <= run.seconds.keys()
    assert all(0 <= taken < 60 for taken in run.seconds.values())
    for path in ("/", "/calls"):
        page = visitor.text(path)
        assert f'<a href="/functions/{shout.id}">shout</a>' in page
        assert "<title>worker " in page
        assert f"{len(SECRET)} → {len(output)}<" in page
        assert SECRET not in page.lower()


def test_a_run_has_a_page_of_its_own(program, shout, runs, visitor):
    with told(runs) as latest, pytest.raises(FunctionError):
        program.run(shout, None, b"fail")
    [run] = latest
    address = f"/runs/{run.number}"
    assert f'<a href="{address}"' in visitor.text("/calls")
    page = visitor.text(address)
    assert re.search(
        r'class="worker is-done">\s*<span class="name">worker</span>\s*.*\d m?s<', page
    )
    assert 'class="run is-failed"' in page
    assert "<dd>4 bytes, as they were sent</dd>" in page
    assert shout.checksum in page
    assert "evil" not in page
    assert "event: over" in visitor.text(f"{address}/changes")


def test_there_is_no_such_run(visitor):
    for path in ("/runs/100000", "/runs/100000/changes"):
        assert "there is no run 100000" in visitor.text(path, 404)


def test_what_runs_elsewhere_is_not_told(platform, folder):
    with Console(config_dir=folder / "config") as console:
        visitor = Visitor(console)
        visitor.enter(console)
        assert "is told by the platform of `cape dev` only" in visitor.text("/runs/1", 404)
        assert "whoever makes them" not in visitor.text("/calls")
        visitor.http.close()


def test_a_connection_is_attested_once(platform, folder, shout, runs):
    with (
        told(runs, 2) as latest,
        platform.client(folder / "config") as cape,
        cape.function_context(shout, None) as function,
    ):
        function.invoke(b"x")
        function.invoke(b"x")
    second, first = latest
    assert first.seconds["attest"] > 0
    assert "attest" not in second.seconds
    assert second.cold is False


def test_an_encrypted_input_has_the_size_that_was_sent(program, shout, runs):
    ciphertext = program.encrypt(b"x")
    with told(runs) as latest:
        program.run(shout, None, ciphertext)
    assert [run.input_size for run in latest] == [len(ciphertext)]


def test_a_call_that_fails_is_told_by_the_class_of_its_error(program, shout, runs, visitor):
    token = program.create_token(shout, expires="1s")
    with told(runs) as latest, pytest.raises(FunctionError):
        program.run(shout, None, b"fail")
    [failed] = latest
    time.sleep(1.1)
    with told(runs) as latest, pytest.raises(TokenExpired):
        program.run(shout, token, b"x")
    [refused] = latest
    assert (failed.state, failed.outcome) == ("failed", "FunctionError")
    assert (refused.state, refused.outcome) == ("failed", "TokenExpired")
    assert "run" not in refused.seconds
    page = visitor.text("/calls")
    assert "</span> FunctionError</span>" in page
    assert "</span> TokenExpired</span>" in page
    assert "evil" not in page, "nothing of what was raised"


def test_what_runs_is_seen_at_once_and_its_end_too(program, shout, runs, visitor):
    with visitor.http.stream("GET", "/calls/latest/changes") as pictures, told(runs):
        lines = pictures.iter_lines()
        with waiting(program, shout):
            assert any('class="state runs"' in line for line in lines)
        assert any("</span> Cancelled</span>" in line for line in lines)


@contextlib.contextmanager
def waiting(program, shout):
    """Make a call meanwhile: it goes on until the block ends, or closes its connection."""
    opened = queue.SimpleQueue()

    def call() -> None:
        with program.function_context(shout, None) as function, pytest.raises(CapeError):
            opened.put(function)
            function.invoke(b"wait")

    thread = threading.Thread(target=call)
    thread.start()
    with contextlib.closing(opened.get(timeout=60)) as function:
        yield function
    thread.join()


def test_the_overview_has_the_latest_only(program, shout, runs, visitor):
    with told(runs, LATEST + 2):
        for _ in range(LATEST + 2):
            program.run(shout, None, b"x")
    assert visitor.text("/").count('class="state') == LATEST
    with visitor.http.stream("GET", "/calls/latest/changes") as pictures:
        picture = []
        for line in pictures.iter_lines():
            if not line:
                break
            picture.append(line)
    assert "\n".join(picture).count('class="state') == LATEST
    assert visitor.text("/calls").count('class="state') > LATEST


def test_the_log_of_the_enclave_has_its_other_lines(program, shout, runs, caplog):
    with caplog.at_level(logging.INFO, "pycape.server"):
        with pytest.raises(FunctionError):
            program.run(shout, None, b"fail")
        wait_until(lambda: "call failed" in caplog.text)
    assert "run begins" not in caplog.text


def test_an_enclave_that_is_killed_takes_what_runs_along(platform, program, shout, runs, visitor):
    def run() -> None:
        with pytest.raises(CapeError):
            program.with_options(max_retries=0).run(shout, None, b"wait")

    call = threading.Thread(target=run)
    with told(runs) as latest:
        call.start()
        wait_until(lambda: any(each.running == "run" for each in runs))
        os.kill(platform.enclave_pid, signal.SIGKILL)
    assert [each.outcome for each in latest] == ["the enclave ended"]
    assert "</span> the enclave ended</span>" in visitor.text("/calls")
    call.join()
    wait_until(lambda: platform.placement.place(None) is not None)
    with told(runs) as latest:
        program.run(shout, None, b"x")
    assert [each.outcome for each in latest] == ["ok"]


@pytest.mark.parametrize("width", [390, 1000])
def test_what_runs_is_seen_in_a_browser_which_leaves_the_focus_where_it_is(
    program, shout, browser, console, runs, width
):
    context = browser.new_context(viewport={"width": width, "height": 800})
    context.set_default_timeout(60_000)
    page = context.new_page()
    enter(page, console)
    page.get_by_role("link", name="calls", exact=True).click()
    with told(runs), waiting(program, shout) as call:
        row = page.locator(".runs tr", has=page.locator(".state.runs"))
        link = row.get_by_role("link").first
        link.focus()
        changed = "before => document.querySelector('.runs rect:last-of-type').outerHTML !== before"
        bar = row.locator("rect").last.evaluate("element => element.outerHTML")
        page.wait_for_function(changed, arg=bar)
        assert link.evaluate("element => element === document.activeElement")
        assert fits(page)
        page.keyboard.press("Enter")
        page.wait_for_url("**/runs/*")
        page.locator(".phases .run.is-runs").wait_for()
        call.close()
        page.locator(".state.stopped").wait_for()
        assert fits(page)
    context.close()
