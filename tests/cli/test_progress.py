"""How far long work is: rates and the time that is left on a terminal, lines elsewhere."""

import io

import pytest
from rich.console import Console

from pycape.cli import _progress
from pycape.cli._context import Context
from pycape.cli._progress import Progress, bar
from pycape.packaging import Progress as Packaging

MIB = 1 << 20


def test_a_bar_tells_a_rate_and_the_time_left():
    seconds = iter(range(1000))
    progress = bar()
    progress.get_time = lambda: float(next(seconds))
    task = progress.add_task("writing the bundle", total=100 * MIB)
    for done in range(0, 50 * MIB, MIB):
        progress.update(task, completed=done)
    shown = io.StringIO()
    Console(file=shown, width=80).print(progress.get_renderable())
    [line] = shown.getvalue().splitlines()
    assert len(line) <= 80
    assert "writing the bundle" in line
    assert "51.4/104.9 MB" in line
    assert "1.0 MB/s" in line, "a MiB each second"
    assert "0:00:51" in line, "that many MiB are left"


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
