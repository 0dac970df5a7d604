"""Commands whose stdin or stdout is closed, or closes early, or is unbuffered, in a real shell."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

NO_INPUT, NO_OUTPUT, PIPE = 66, 1, 128 + signal.SIGPIPE
ID = "2jTPqWeNSf8EN1WteZWmE6XNBatr"


@pytest.fixture
def shell(tmp_path):
    """Run a line in bash, where me.key and a few files are; a pipe's status is its first part's."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "CAPE_CONFIG_DIR": str(tmp_path / "config"),
        "LANG": "C.UTF-8",
    }

    def run(line: str, **settings: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
            cwd=tmp_path,
            env=environment | settings,
            capture_output=True,
            check=False,
            timeout=60,
        )

    assert run("cape keys generate me.key --kind x25519 > me.pub").returncode == 0
    (tmp_path / "plain").write_bytes(b"hello")
    (tmp_path / "large").write_bytes(bytes(1 << 20))
    for name in ("plain", "large"):
        assert run(f"cape encrypt {name} -r $(cat me.pub)").returncode == 0
    return run


@pytest.mark.parametrize(
    "command",
    [
        "decrypt - -k me.key",
        "decrypt plain.cape -k -",
        "encrypt - -r $(cat me.pub)",
        "encrypt - -r $(cat me.pub) -o new.cape",
        "encrypt -f - -r $(cat me.pub)",
        f"run {ID} -f -",
        f"run {ID} text -t -",
        "inspect -",
        "inspect plain.cape -k -",
        "receipt show -",
        "token show -",
        "keys show -",
    ],
)
def test_a_closed_stdin_is_no_input(shell, tmp_path, command):
    ran = shell(f"cape {command} <&-")
    assert ran.returncode == NO_INPUT
    assert ran.stderr.startswith(b"cape: error: stdin: is closed\n\nhint: look at where it comes")
    assert not (tmp_path / "new.cape").exists()


def test_a_closed_stdin_is_no_terminal_to_ask_on(shell):
    ran = shell(f"cape function delete {ID} <&-")
    assert ran.returncode == 2
    assert b"there is no terminal to ask on" in ran.stderr


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "version",
        "version --json",
        "encrypt 'hello world' -r $(cat me.pub)",
        "encrypt -f plain -r $(cat me.pub) --binary",
        "decrypt plain.cape -k me.key",
        "decrypt large.cape -k me.key",
        "inspect plain.cape",
        "recipients list plain.cape",
    ],
)
def test_a_closed_stdout_is_told(shell, command):
    ran = shell(f"cape {command} >&-")
    assert ran.returncode == NO_OUTPUT
    assert ran.stderr.startswith(b"cape: error: stdout: is closed\n\nhint: not all of it was")


def test_what_needs_no_stream_does_without(shell, tmp_path):
    ran = shell("cape encrypt plain -r $(cat me.pub) -o new.cape <&- >&- 2>&-")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    ran = shell("cape decrypt new.cape -k me.key 2>&-")
    assert (ran.returncode, ran.stdout) == (0, b"hello")
    assert shell("cape rum 2>&-").returncode == 2


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        "encrypt -f large -r $(cat me.pub)",
        "encrypt -f large -r $(cat me.pub) --binary",
        "encrypt -f large -r $(cat me.pub) --json",
        "decrypt large.cape -k me.key",
        "decrypt large.cape -k me.key --json",
    ],
)
def test_a_reader_that_leaves_after_a_byte(shell, command, unbuffered):
    ran = shell(f"cape {command} | head -c1", PYTHONUNBUFFERED=unbuffered)
    assert (ran.returncode, ran.stderr, len(ran.stdout)) == (PIPE, b"", 1)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_result_of_which_a_part_has_room(shell, tmp_path, unbuffered):
    # `ulimit -f` counts blocks of 1024 bytes; Python ignores the signal, and gets the error.
    line = "ulimit -f 100; cape encrypt -f large -r $(cat me.pub) > text.cape"
    ran = shell(line, PYTHONUNBUFFERED=unbuffered)
    assert ran.returncode == 1
    assert ran.stderr.startswith(b"cape: error: stdout: file too large\n\nhint: not all of it")
    assert (tmp_path / "text.cape").stat().st_size == 100 << 10
