"""recipients add and remove of one file by several at once: no change is lost, none taken back."""

import errno
import fcntl
import os
import select
import subprocess
import sys

import pytest

from pycape import envelope, errors
from pycape._file_change import FileChange
from pycape.keys import PrivateKey

CONFIG = 78

KEYS = [PrivateKey.generate("x25519") for _ in range(6)]
MINE, OTHERS = KEYS[0].public_key, [each.public_key for each in KEYS[1:]]

ADD = """
import sys

from pycape import _file_change
from pycape.cli._main import run

look = _file_change._locked_at_once


def look_and_tell(path):
    file = look(path)
    if file is None:
        print("waits", flush=True)
    return file


_file_change._locked_at_once = look_and_tell
print("ready", flush=True)
sys.stdin.readline()
sys.exit(run(["recipients", "add", "report.cape", "-k", "me.key", "-r", sys.argv[1]]))
"""

HOLD = """
import sys
from pathlib import Path

from pycape._file_change import FileChange

with FileChange(Path("report.cape")):
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["binary", "text"])
def report(request, stranger, tmp_path):
    """A file that is for `MINE`, whose key is in me.key."""
    key = tmp_path / "me.key"
    key.touch(mode=0o600)
    key.write_text(KEYS[0].to_text())
    data = bytes(4_000_000)
    path = tmp_path / "report.cape"
    if request.param == "text":
        path.write_bytes(envelope.seal(data, [MINE]))
    else:
        binary = bytearray(envelope.sealed_size(len(data), [MINE]))
        envelope.seal_into(data, [MINE], binary)
        path.write_bytes(binary)
    return path


@pytest.fixture
def start(stranger, tmp_path):
    """Start a program that says when it is ready, and goes on when a line is written to it."""
    started = []

    def start(program: str, *arguments: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path,
            env={**os.environ, "CAPE_CONFIG_DIR": str(stranger.config)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def go_on(process: subprocess.Popen) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def waits(process: subprocess.Popen) -> None:
    """Wait until a process has found that another has the file."""
    told, _, _ = select.select([process.stdout], [], [], 60)
    assert told, "it has not come so far in a minute"
    assert process.stdout.readline() == "waits\n"


def wait(process: subprocess.Popen) -> None:
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told


def key_ids(path) -> set[bytes]:
    return {each.key_id for each in envelope.inspect(path.read_bytes()).recipients}


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_of_additions_at_once_none_is_lost(report, start):
    adding = [start(ADD, each.to_text()) for each in OTHERS]
    for process in adding:
        go_on(process)
    for process in adding:
        wait(process)
    assert key_ids(report) == {each.key_id for each in (MINE, *OTHERS)}
    assert names(report.parent) == {"me.key", "report.cape"}


def test_who_was_removed_meanwhile_is_not_brought_back(report, start):
    both = envelope.change_recipients(report.read_bytes(), KEYS[0], add=OTHERS[:1])
    report.write_bytes(both)
    with FileChange(report):
        adding = start(ADD, OTHERS[1].to_text())
        go_on(adding)
        waits(adding)
        removed = envelope.change_recipients(both, KEYS[0], remove=OTHERS[:1])
        new = report.with_name("new")
        new.write_bytes(removed)
        new.replace(report)
    wait(adding)
    assert key_ids(report) == {MINE.key_id, OTHERS[1].key_id}


def test_a_process_that_was_killed_holds_nobody_up(report, start):
    holding = start(HOLD)
    with pytest.raises(errors.ConfigError, match="is being changed by somebody else"):
        FileChange(report, patience=0)
    adding = start(ADD, OTHERS[0].to_text())
    go_on(adding)
    waits(adding)
    holding.kill()
    wait(adding)
    assert key_ids(report) == {MINE.key_id, OTHERS[0].key_id}


@pytest.fixture(params=["with locks", "without locks"])
def locks(request, monkeypatch):
    """A file system that has locks, and one that refuses them, as some in networks do."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    if request.param == "without locks":
        monkeypatch.setattr(fcntl, "flock", refuse)


def written(path):
    path.write_bytes(b"other")


def replaced(path):
    new = path.with_name("new")
    new.write_bytes(path.read_bytes())
    new.replace(path)


def removed(path):
    path.unlink()


@pytest.mark.usefixtures("locks")
@pytest.mark.parametrize("somebody", [written, replaced, removed])
def test_who_does_not_ask_is_noticed(report, stranger, somebody, monkeypatch):
    """Whatever was done to the file between its reading and its end stays."""
    fsync = os.fsync

    def sync_late(file):
        fsync(file)
        somebody(report)

    monkeypatch.setattr(os, "fsync", sync_late)
    before = report.read_bytes()
    words = ("recipients", "add", "report.cape", "-k", "me.key", "-r", OTHERS[0].to_text())
    outcome = stranger(*words)
    assert outcome.status == CONFIG
    assert "report.cape was changed by somebody else meanwhile" in outcome.stderr
    left = {path.name: path.read_bytes() for path in report.parent.iterdir()}
    assert left.pop("me.key")
    assert (
        left
        == {
            written: {"report.cape": b"other"},
            replaced: {"report.cape": before},
            removed: {},
        }[somebody]
    )


@pytest.mark.usefixtures("locks")
def test_a_file_that_is_gone_cannot_be_changed(report):
    report.unlink()
    with pytest.raises(FileNotFoundError):
        FileChange(report)


@pytest.mark.usefixtures("locks")
def test_a_link_stays_and_what_it_leads_to_is_changed(report, stranger):
    link = report.with_name("link")
    link.symlink_to(report)
    stranger.ok("recipients", "add", "link", "-k", "me.key", "-r", OTHERS[0].to_text())
    assert link.is_symlink()
    assert key_ids(report) == {MINE.key_id, OTHERS[0].key_id}
