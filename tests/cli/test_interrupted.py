"""Ctrl-C halfway, in each command that takes its time: status 130, one line, nothing half done."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from . import schemas
from .test_streams import CAPE

INTERRUPTED = 130
TOLD = "\ncape: error: interrupted\n"

WAITS = """
import time

def cape_handler(data):
    print("begun", flush=True)
    time.sleep(120)
    return data
"""

STREAMS = """
import time

def cape_handler(data):
    yield b"the first piece"
    print("begun", flush=True)
    time.sleep(120)
"""


@pytest.fixture
def start(cape, tmp_path):
    """Start a command as a process of its own; what is left of it in the end is killed."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CAPE_CONFIG_DIR": str(cape.config),
        "TMPDIR": str(temporary),
        "LANG": "C.UTF-8",
    }
    started = []

    def begin(*arguments: object, stdin: int = subprocess.DEVNULL) -> subprocess.Popen:
        process = subprocess.Popen(
            [CAPE, *map(str, arguments)],
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()
    assert not list(temporary.iterdir()), "nothing temporary is left"


def read_until(process: subprocess.Popen, text: str) -> None:
    """Read what a process tells until `text` is in a line."""
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"it ended and did not tell {text!r}")


def interrupted(process: subprocess.Popen) -> tuple[str, str]:
    """Press Ctrl-C; return what is on stdout and what it told after."""
    process.send_signal(signal.SIGINT)
    stdout, told = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert "Traceback" not in told
    # A line that has just ended may be ended once more: the signal came before that was noted.
    return stdout, told.replace("\n\n", "\n", 1) if told.startswith("\n\n") else told


@pytest.fixture
def deployed(cape, tmp_path):
    def deploy(source: str) -> str:
        (tmp_path / "function").mkdir(exist_ok=True)
        (tmp_path / "function" / "app.py").write_text(source)
        return cape.data("deploy", "function")["function_id"]

    return deploy


@pytest.mark.parametrize("options", [[], ["-o", "out", "--receipt", "receipt"]])
def test_a_run(start, deployed, options):
    process = start("run", deployed(WAITS), "x", "--logs", *options)
    read_until(process, "begun")
    assert interrupted(process) == ("", TOLD)
    assert not Path("out").exists()
    assert not Path("receipt").exists()


def test_a_run_for_a_program(start, deployed):
    words = ["run", deployed(WAITS), "x", "--logs", "--json"]
    process = start(*words)
    read_until(process, "begun")
    stdout, told = interrupted(process)
    schemas.check(words, json.loads(stdout))
    assert json.loads(stdout)["error"]["code"] == "CAPE-CLI-005"
    assert told.strip() == ""


@pytest.mark.parametrize("output", [None, "out"])
def test_a_stream(start, deployed, output):
    """What came before is on stdout, and part of what is not whole; no file is."""
    options = [] if output is None else ["-o", output]
    process = start("run", deployed(STREAMS), "x", "--logs", "--stream", *options)
    read_until(process, "begun")
    stdout, told = interrupted(process)
    assert (stdout, told) == ("the first piece" if output is None else "", TOLD)
    assert not list(Path.cwd().glob("*out*"))


def test_a_test_leaves_no_function(cape, start, tmp_path):
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "app.py").write_text(WAITS)
    process = start("test", "function", "x")
    read_until(process, "begun")
    assert interrupted(process) == ("", TOLD)
    assert cape.ok("function", "list").line == "no functions"


@pytest.fixture
def large(tmp_path) -> str:
    """A function's folder that takes a while to read, to write and to send."""
    folder = tmp_path / "large"
    folder.mkdir()
    (folder / "app.py").write_text("def cape_handler(data): return data\n")
    with (folder / "weights").open("wb") as file:
        file.truncate(600 << 20)
    return "large"


@pytest.mark.parametrize("phase", ["collecting files", "checking files", "writing the bundle"])
def test_a_package(start, large, phase):
    process = start("package", large, "-o", "bundle.zip")
    read_until(process, phase)
    assert interrupted(process) == ("", TOLD)
    assert not list(Path.cwd().glob("*bundle*"))


@pytest.mark.parametrize("phase", ["collecting files", "writing the bundle"])
def test_a_deployment(cape, start, large, phase):
    process = start("deploy", large)
    read_until(process, phase)
    assert interrupted(process)[0] == ""
    assert cape.ok("function", "list").line == "no functions"


def test_decrypting_leaves_no_plaintext(cape, start, tmp_path):
    public = cape.ok("keys", "generate", "me.key").line
    with Path("zeros").open("wb") as file:
        file.truncate(80 << 20)
    cape.ok("encrypt", "zeros", "-r", public)
    process = start("decrypt", "-", "-k", "me.key", "-o", "opened", stdin=subprocess.PIPE)
    process.stdin.buffer.write(Path("zeros.cape").read_bytes()[: 72 << 20])  # and no more comes
    process.stdin.flush()
    read_until(process, "decrypting stdin")
    assert interrupted(process) == ("", TOLD)
    assert not list(Path.cwd().glob("*opened*"))


@pytest.mark.parametrize(
    "words", ["attest", "function list", "accounts name somebody", "keys rotate"]
)
def test_waiting_for_a_platform_that_does_not_answer(start, words):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        process = start(*words.split(), "--url", f"http://127.0.0.1:{server.getsockname()[1]}")
        connection, _ = server.accept()
        with connection:
            connection.recv(1)
            assert interrupted(process) == ("", TOLD)


def test_while_the_program_is_still_loading():
    """What a short command does most of its time."""
    interrupts = (
        "import sys\n"
        "class Interrupts:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'click':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupts())\n"
        "from pycape.cli import main\n"
        "main()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", interrupts], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr, ended.stdout) == (INTERRUPTED, TOLD, "")
