"""`cape console` and the page of `cape dev`: in the foreground, ended with Ctrl-C."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.cli import schemas

from pycape._account import load_or_create_account
from pycape._config import Config
from pycape.demo import echo_folder

from .processes import descendants, wait_until

CAPE = Path(sys.executable).with_name("cape")


@pytest.fixture
def environment(platform, tmp_path):
    config = Config(config_dir=tmp_path / "config")
    config.install_profile(platform.profile, make_default=True)
    load_or_create_account(config.account_key_file, announce=False)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "CAPE_CONFIG_DIR": str(tmp_path / "config"),
        "CAPE_DATA_DIR": str(tmp_path / "data"),
    }


@contextmanager
def running(environment, *arguments: str):
    """Run a command that goes on until it is interrupted, which is no failure."""
    process = subprocess.Popen(
        [CAPE, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        assert (process.returncode, stderr) == (0, "")
    finally:
        process.kill()
        process.communicate()


def visit(address: str) -> str:
    """Open an address, and return the page of calls."""
    with httpx.Client(follow_redirects=True, timeout=60) as visitor:
        assert visitor.get(address).status_code == 200
        return visitor.get(address.partition("/enter")[0] + "/calls").text


def test_it_prints_an_address_that_opens_until_ctrl_c(environment, platform):
    with running(environment, "console", "--json") as process:
        told = json.loads(process.stdout.readline())
        schemas.check(["console"], told)
        assert told["data"]["url"] == platform.url
        address = told["data"]["console"]
        assert "Calls from this page" in visit(address)
        assert descendants(process.pid) == set()
    with pytest.raises(httpx.ConnectError):
        visit(address)


def test_quietly_it_prints_the_address_alone(environment):
    with running(environment, "console", "-q") as process:
        assert "Calls from this page" in visit(process.stdout.readline().strip())


def test_to_a_person_it_says_what_the_address_is(environment):
    with running(environment, "console") as process:
        lines = [process.stdout.readline() for _ in range(5)]
        assert "Ctrl-C ends it" in lines[0]
        assert "acts as you do" in lines[4]
        assert "Calls from this page" in visit(lines[2].strip())


def test_it_opens_a_browser_by_an_address_for_one(environment, tmp_path):
    """What a program is started with, everybody on the machine can read."""
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho "$1" > {tmp_path}/new\nmv {tmp_path}/new {tmp_path}/opened\n'
    )
    browser.chmod(0o700)
    with running({**environment, "BROWSER": str(browser)}, "console", "--open", "-q") as process:
        printed = process.stdout.readline().strip()
        opened = tmp_path / "opened"
        wait_until(opened.exists)
        address = opened.read_text().strip()
        assert address != printed
        assert "Calls from this page" in visit(address)
        with httpx.Client() as visitor:
            assert visitor.get(address).status_code == 403
        assert "Calls from this page" in visit(printed)


def test_a_port_that_is_taken(environment):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = subprocess.run(
            [CAPE, "console", "--port", str(port), "--json"],
            env=environment,
            capture_output=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 78
    error = json.loads(done.stdout)["error"]
    assert error["message"] == f"port {port} of 127.0.0.1 is in use"
    assert "`cape console --port 0`" in error["hint"]


def test_cape_dev_has_a_page_with_the_runtimes_numbers(environment):
    with running(environment, "dev", "--port", "0", "--json") as process:
        address = json.loads(process.stdout.readline())["data"]["console"]
        with httpx.Client(follow_redirects=True, timeout=60) as visitor:
            visitor.get(address)
            page = visitor.get(address.partition("/enter")[0]).text
    assert "a genuine enclave" in page
    assert "This machine's runtime" in page


def test_cape_dev_shows_calls_that_no_page_made(environment):
    with running(environment, "dev", "--port", "0", "--json") as process:
        address = json.loads(process.stdout.readline())["data"]["console"]
        deployed = cape(environment, "deploy", str(echo_folder()), "--name", "shell", "-q")
        assert cape(environment, "run", deployed.strip(), "hello") == "hello"
        with httpx.Client(follow_redirects=True, timeout=60) as visitor:
            visitor.get(address)
            calls = address.partition("/enter")[0] + "/calls"
            wait_until(lambda: 'class="state done"' in visitor.get(calls).text)
            assert ">shell</a>" in visitor.get(calls).text


def cape(environment, *arguments: str) -> str:
    done = subprocess.run(
        [CAPE, *arguments], env=environment, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_cape_dev_can_do_without(environment):
    with running(environment, "dev", "--port", "0", "--json", "--no-console") as process:
        assert json.loads(process.stdout.readline())["data"]["console"] is None
