"""Results of builds are kept by what went into them, and are whole or not there."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from from_debian import cache


def fill(scratch, result):
    (scratch / "rubbish").mkdir()
    (result / "kernel").write_text("made")


def test_what_is_there_is_not_made_again(cache_folder):
    first = cache.made("kernel", "abc", fill)
    again = cache.made("kernel", "abc", lambda *_: pytest.fail("made again"))
    assert first == again == cache_folder / "build" / "kernel" / "abc"
    assert (first / "kernel").read_text() == "made"
    assert sorted(file.name for file in first.parent.iterdir()) == ["abc", "lock"]


@pytest.mark.parametrize("interruption", [OSError, KeyboardInterrupt])
def test_what_was_interrupted_is_not_there(cache_folder, interruption):
    def fail(scratch, result):
        fill(scratch, result)
        raise interruption

    with pytest.raises(interruption):
        cache.made("kernel", "abc", fail)
    assert [file.name for file in (cache_folder / "build" / "kernel").iterdir()] == ["lock"]


def test_what_a_killed_one_left_is_removed(cache_folder):
    left = cache.folder("kernel") / ".work-killed" / "source"
    left.mkdir(parents=True)
    cache.made("kernel", "abc", fill)
    assert not left.exists()


def test_a_second_one_waits_and_finds_what_the_first_made(cache_folder, capfd):
    begun, go_on = threading.Event(), threading.Event()

    def slowly(scratch, result):
        begun.set()
        go_on.wait()
        fill(scratch, result)

    first = threading.Thread(target=cache.made, args=("kernel", "abc", slowly))
    first.start()
    begun.wait()
    script = "import sys; from from_debian import cache; cache.made('kernel', 'abc', sys.exit)"
    second = subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(Path(cache.__file__).parents[1])},
        stderr=subprocess.PIPE,
        text=True,
    )
    said = second.stderr.readline()
    go_on.set()
    first.join()
    assert second.wait() == 0
    second.stderr.close()
    assert said.startswith("another build is at work in")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"CAPE_CACHE_DIR": "own", "XDG_CACHE_HOME": "xdg"}, "own/build/kernel"),
        ({"CAPE_CACHE_DIR": "", "XDG_CACHE_HOME": "xdg"}, "xdg/cape/build/kernel"),
        ({"HOME": "home"}, "home/.cache/cape/build/kernel"),
    ],
)
def test_where_the_cache_is(tmp_path, monkeypatch, variables, expected):
    for name in ("CAPE_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value and str(tmp_path / value))
    assert cache.folder("kernel") == tmp_path / expected


def test_names_differ_by_each_input():
    names = {cache.key({"a": "1", "b": "2"}), cache.key({"a": "1"}), cache.key({"a": "12"})}
    assert len(names) == 3
    assert cache.key({"b": "2", "a": "1"}) in names
