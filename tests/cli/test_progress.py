"""How far long work is: rates and the time that is left on a terminal, lines elsewhere."""

import io

import pytest
from rich.console import Console

from pycape.cli import _progress
from pycape.cli._bar import bar
from pycape.cli._context import Context
from pycape.cli._progress import Progress
from pycape.packaging import Progress as Packaging

MIB = 1 << 20


def shown(progress):
    """Return the one line that a bar draws in 80 columns."""
    drawn = io.StringIO()
    Console(file=drawn, width=80).print(progress.get_renderable())
    [line] = drawn.getvalue().splitlines()
    assert len(line) <= 80
    return line.strip()


def after_49_seconds(words, total=None, looked_at=49.0):
    """Return what is drawn after 49 seconds, of a MiB each, or later."""
    progress = bar()
    now = [0.0]
    progress.get_time = lambda: now[0]
    task = progress.add_task(words, total=total)
    now[0] = 49.0
    progress.update(task, completed=49 * MIB)
    now[0] = looked_at
    return shown(progress)


def test_a_bar_tells_a_rate_and_the_time_left():
    line = after_49_seconds("writing the bundle", total=100 * MIB)
    assert line.startswith("⠋ writing the bundle")
    assert line.endswith("49.0/100.0 MiB 1.0 MiB/s 0:00:51")


def test_what_is_of_unknown_length_has_a_rate_alone():
    line = after_49_seconds("encrypting stdin")
    assert line.endswith("49.0 MiB 1.0 MiB/s")


def test_the_rate_of_what_is_done_stays():
    line = after_49_seconds("writing the bundle", total=49 * MIB, looked_at=99.0)
    assert line.endswith("49.0/49.0 MiB 1.0 MiB/s 0:00:00")


def test_a_long_name_leaves_room_for_the_rest():
    line = after_49_seconds(f"encrypting {'x' * 100}.bin", total=1000 * MIB)
    assert line.endswith("49.0/1000.0 MiB 1.0 MiB/s 0:15:51")
    assert "…" in line


@pytest.mark.parametrize("phase", ["collect", "resolve", "check", "fetch"])
def test_a_step_of_which_no_bytes_are_known_tells_none(phase):
    drawn = bar()
    progress = Progress(Context())
    progress._bar = drawn
    progress.report(Packaging(phase, 0, 0 if phase == "fetch" else 1))
    line = shown(drawn)
    assert not any(character.isdigit() for character in line)
    assert "MiB" not in line


def test_wheels_are_told_in_bytes_once_their_sizes_are_known():
    drawn = bar()
    progress = Progress(Context())
    progress._bar = drawn
    for done, total in ((0, 0), (0, 20 * MIB), (0, 50 * MIB), (20 * MIB, 50 * MIB)):
        progress.report(Packaging("fetch", done, total))
    line = shown(drawn)
    assert "fetching wheels" in line
    assert "20.0/50.0 MiB" in line
    assert "/s" in line


PHASES = ["collect", "resolve", "fetch", "check", "write", "write"]


@pytest.mark.parametrize(
    ("context", "lines"),
    [(Context(), 5), (Context(quiet=True), 0), (Context(json=True), 0), (Context(bare=True), 0)],
)
def test_elsewhere_each_phase_is_a_line(capsys, monkeypatch, context, lines):
    monkeypatch.setattr(_progress, "draws", lambda: False)
    with Progress(context) as progress:
        for done, phase in enumerate(PHASES):
            progress.report(Packaging(phase, done, len(PHASES)))
    shown = capsys.readouterr()
    assert shown.out == ""
    told = shown.err.splitlines()
    assert len(told) == lines
    assert told[:1] == ["collecting files"][:lines]


@pytest.mark.parametrize("terminal", [None, "", "dumb"])
def test_a_terminal_that_cannot_draw_has_lines(monkeypatch, terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    if terminal is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", terminal)
    assert not _progress.draws()
    monkeypatch.setenv("TERM", "xterm")
    assert _progress.draws()
