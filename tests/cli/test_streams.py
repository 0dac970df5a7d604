"""Terminals, pipes and signals: `cape` as a process of its own."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from pycape._config import Config
from pycape.demo import echo_folder

CAPE = str(Path(sys.executable).with_name("cape"))


@pytest.fixture
def environment(tmp_path):
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CAPE_CONFIG_DIR": str(tmp_path / "config"),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
    }


def on_a_terminal(arguments, environment, typed: bytes = b"") -> tuple[int, str]:
    """Run `cape` on a terminal of 80 columns; return its status and all that it showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [CAPE, *map(str, arguments)], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    os.write(ours, typed)
    shown = b""
    while chunk := _read(ours):
        shown += chunk
    os.close(ours)
    return process.wait(timeout=60), shown.decode(errors="replace").replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other side is closed
        return b""


def piped(arguments, environment, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [CAPE, *map(str, arguments)],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
        **options,
    )


@pytest.fixture
def letter(environment, tmp_path):
    """A letter of bytes that are no text, and its key."""
    public = piped(["keys", "generate", tmp_path / "me.key"], environment).stdout.decode().strip()
    arguments = ["encrypt", "-f", "-", "-r", public, "-o", tmp_path / "letter.cape"]
    assert piped(arguments, environment, input=b"\x00\x1b[31m\xff").returncode == 0
    return [tmp_path / "letter.cape", "-k", tmp_path / "me.key"]


def test_what_is_no_text_does_not_go_to_a_terminal(letter, environment):
    status, shown = on_a_terminal(["decrypt", *letter], environment)
    assert status == 2
    assert "the result is 7 bytes that are not text, and stdout is a terminal" in shown
    assert "\x1b" not in shown
    status, shown = on_a_terminal(["decrypt", *letter, "-o", "-"], environment)
    assert (status, "\x1b[31m" in shown) == (0, True)
    assert piped(["decrypt", *letter], environment).stdout == b"\x00\x1b[31m\xff"


def test_text_on_a_terminal_ends_its_line(environment, tmp_path):
    status, shown = on_a_terminal(["keys", "generate", tmp_path / "me.key"], environment)
    assert status == 0
    assert "the private key is in" in shown
    assert shown.endswith("\n")


@pytest.mark.parametrize(
    ("answer", "told"),
    [(b"n\n", "nothing was done: the answer is no"), (b"\x04", "interrupted")],
)
def test_a_question_can_be_answered_with_no(environment, answer, told):
    arguments = ["function", "delete", "2jTPqWeNSf8EN1WteZWmE6XNBatr"]
    ended, shown = on_a_terminal(arguments, environment, answer)
    assert ended == 130
    assert "delete 2jTPqWeNSf8EN1WteZWmE6XNBatr?" in shown
    assert f"cape: error: {told}" in shown


def test_a_question_can_be_answered_with_yes(environment):
    arguments = ["function", "delete", "2jTPqWeNSf8EN1WteZWmE6XNBatr"]
    status, shown = on_a_terminal(arguments, environment, b"y\n")
    assert (status, "no platform is running here" in shown) == (78, True)


@pytest.mark.parametrize("settings", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_and_no_control(platform, environment, settings):
    folder = Path(environment["CAPE_CONFIG_DIR"])
    Config(config_dir=folder).install_profile(platform.profile, make_default=True)
    status, shown = on_a_terminal(["deploy", echo_folder()], environment | settings)
    assert status == 0
    assert "\x1b[3" not in shown, "no colour"
    if "TERM" in settings:
        assert "\x1b" not in shown
        assert "collecting files" in shown


def test_a_pipe_that_closes_early(environment):
    process = subprocess.Popen(
        [CAPE, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), told) == (128 + signal.SIGPIPE, b"")


def test_a_pipe_that_closes_before_a_large_result(environment, tmp_path):
    key = tmp_path / "me.key"
    public = piped(["keys", "generate", key], environment).stdout.decode().strip()
    large = ["encrypt", "-f", "-", "-r", public, "-o", tmp_path / "large.cape"]
    assert piped(large, environment, input=b"x" * (1 << 20)).returncode == 0
    process = subprocess.Popen(
        [CAPE, "decrypt", tmp_path / "large.cape", "-k", key],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )
    process.stdout.read(1)
    process.stdout.close()
    told = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), told) == (128 + signal.SIGPIPE, b"")


def test_a_full_disk(environment):
    with Path("/dev/full").open("wb") as full:
        process = subprocess.run(
            [CAPE, "version"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            check=False,
            timeout=60,
        )
    assert process.returncode == 1
    assert process.stderr.startswith(b"cape: error: stdout: no space left on device\n\nhint: ")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_reads(environment, number):
    process = subprocess.Popen(
        [CAPE, "encrypt", "-f", "-", "-r", "alice"],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment | {"PYTHONUNBUFFERED": "1"},
    )
    # It has started to read once its stdin is empty again.
    process.stdin.write(b"x" * (1 << 17))
    process.stdin.flush()
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, b"\ncape: error: interrupted\n")


@pytest.fixture
def key(environment, tmp_path):
    """The public key of me.key."""
    return piped(["keys", "generate", tmp_path / "me.key"], environment).stdout.decode().strip()


def encrypting_without_end(environment, folder, key) -> subprocess.Popen:
    """Begin to encrypt what has no end, and return when a part of it is written."""
    process = subprocess.Popen(
        [CAPE, "encrypt", "/dev/zero", "-r", key, "-o", folder / "zeros.cape"],
        stderr=subprocess.PIPE,
        env=environment,
    )
    assert process.stderr.readline() == b"encrypting /dev/zero\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_interrupted_halfway_it_leaves_nothing(environment, tmp_path, key, number):
    process = encrypting_without_end(environment, tmp_path, key)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, b"\ncape: error: interrupted\n")
    assert {path.name for path in tmp_path.iterdir()} == {"me.key"}


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files have names here")
def test_killed_halfway_it_leaves_nothing(environment, tmp_path, key):
    process = encrypting_without_end(environment, tmp_path, key)
    process.kill()
    process.communicate(timeout=60)
    assert {path.name for path in tmp_path.iterdir()} == {"me.key"}


@pytest.mark.parametrize(("answer", "status"), [(b"n\n", 130), (b"y\n", 0)])
def test_a_file_is_replaced_when_that_is_the_answer(environment, tmp_path, key, answer, status):
    (tmp_path / "plain").write_bytes(b"x")
    (tmp_path / "plain.cape").write_bytes(b"before")
    arguments = ["encrypt", tmp_path / "plain", "-r", key]
    ended, shown = on_a_terminal(arguments, environment, answer)
    assert "plain.cape exists: replace it? [y/N]" in shown
    replaced = (tmp_path / "plain.cape").read_bytes() != b"before"
    assert (ended, replaced) == (status, status == 0)


@pytest.mark.parametrize(("answer", "status"), [(b"n\n", 130), (b"y\nn\n", 130), (b"y\ny\n", 78)])
def test_each_file_of_a_run_is_asked_for(environment, tmp_path, answer, status):
    for name in ("run.receipt", "out"):
        (tmp_path / name).write_bytes(b"before")
    files = ["-o", tmp_path / "out", "--receipt", tmp_path / "run.receipt"]
    arguments = ["run", "2jTPqWeNSf8EN1WteZWmE6XNBatr", "hi", *files]
    ended, shown = on_a_terminal(arguments, environment, answer)
    assert (ended, "out exists: replace it? [y/N]" in shown) == (status, True)
    assert ("run.receipt exists: replace it? [y/N]" in shown) == answer.startswith(b"y")
    assert (tmp_path / "out").read_bytes() == b"before"


def test_the_binary_form_is_not_for_a_terminal(environment, tmp_path, key):
    (tmp_path / "plain").write_bytes(b"x")
    arguments = ["encrypt", "-f", tmp_path / "plain", "-r", key, "--binary"]
    status, shown = on_a_terminal(arguments, environment)
    assert (status, "the binary form is not for a terminal" in shown) == (2, True)
    status, shown = on_a_terminal([*arguments, "-o", "-"], environment)
    assert (status, "CAPE" in shown) == (0, True)


@pytest.fixture
def large(environment, tmp_path, key):
    """An encrypted file of zeros that is large enough for a bar."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(65 << 20)
    run = piped(["encrypt", tmp_path / "large", "-r", key], environment)
    assert (run.returncode, run.stdout) == (0, b"")
    assert run.stderr.decode().splitlines()[0] == f"encrypting {tmp_path / 'large'}"
    return tmp_path / "large.cape"


def test_a_large_file_has_a_bar_on_a_terminal(environment, tmp_path, large):
    arguments = ["decrypt", large, "-k", tmp_path / "me.key"]
    status, shown = on_a_terminal([*arguments, "-o", tmp_path / "opened"], environment)
    assert (status, "decrypting" in shown, "\x1b[" in shown) == (0, True, True)
    assert (tmp_path / "opened").stat().st_size == 65 << 20
    status, shown = on_a_terminal(arguments, environment)
    assert status == 2
    assert "the result is over a MiB, and stdout is a terminal" in shown
    assert "\0" not in shown
