"""What a bundle follows from: it tells apart whatever gives another bundle."""

import os

import pytest

from pycape.packaging import LOCK_NAME, _function_side
from pycape.packaging._package import read_source

PLATFORM = "x86_64-manylinux_2_28"


def fingerprint(folder, python="3.11", platform=PLATFORM):
    with read_source(folder, python=python, platform=platform) as source:
        return source.fingerprint


@pytest.fixture
def locked(function, bundle, index):
    """A folder with a dependency, which was packed before."""
    index.wheel("helper", "1.0")
    (function / "requirements.txt").write_text(f"{index.options}helper\n")
    bundle(function)
    return function


def test_it_is_known_before_the_bundle_is_made(locked, bundle):
    before = fingerprint(locked)
    assert before == bundle(locked).fingerprint
    assert len(before) == 64


def test_a_folder_of_the_same_content_elsewhere_has_the_same(locked, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in sorted(locked.iterdir(), reverse=True):
        (elsewhere / file.name).write_bytes(file.read_bytes())
    assert fingerprint(elsewhere) == fingerprint(locked)


def test_a_change_within_the_same_tick_of_the_clock_shows(function):
    app = function / "app.py"
    before, times = fingerprint(function), app.stat()
    app.write_text(app.read_text().replace("return input", "return inpu2"))
    os.utime(app, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert app.stat().st_size == times.st_size
    assert fingerprint(function) != before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cape.toml", "timeout_s = 7\n"),
        ("cape.toml", "slim = false\n"),
        (".capeignore", "/requirements.txt\n"),
        ("more.txt", ""),
        ("app.py", "def cape_handler(input):\n    return b''\n"),
    ],
)
def test_whatever_a_bundle_or_a_manifest_follows_from_shows(locked, name, text):
    before = fingerprint(locked)
    (locked / name).write_text(text)
    assert fingerprint(locked) not in {before, None}


def test_the_enclaves_python_and_platform_show(function):
    assert fingerprint(function) != fingerprint(function, python="3.12")
    assert fingerprint(function) != fingerprint(function, platform="aarch64-manylinux_2_28")


def test_other_hashes_in_the_lock_show(locked):
    before, lock = fingerprint(locked), locked / LOCK_NAME
    lock.write_text(lock.read_text().replace("sha256:", "sha256:0"))
    assert fingerprint(locked) is None, "the lock's first lines say what it is for"
    lock.write_text(lock.read_text().replace("sha256:0", "sha256:").replace("1.0", "1.1"))
    assert fingerprint(locked) not in {before, None}


def test_there_is_none_while_versions_have_to_be_resolved(locked):
    (locked / LOCK_NAME).unlink()
    assert fingerprint(locked) is None


def test_there_is_none_where_something_is_built_here(locked, bundle):
    (locked / "cape.toml").write_text("build_sdists = true\n")
    assert bundle(locked).fingerprint is None
    assert fingerprint(locked) is None


def test_it_is_of_what_was_written_and_not_of_what_stands_there_now(function, bundle):
    """An editor that saves while a folder is packed must not have the old content taken for new."""
    app = function / "app.py"
    old, before = app.read_text(), fingerprint(function)

    def save(progress):
        if progress.phase == "check" and progress.done:
            app.write_text(old.replace("return input", "return inpu2"))

    made = bundle(function, progress=save).fingerprint
    assert made == fingerprint(function) != before


def test_what_pycape_puts_into_a_bundle_shows(function, bundle, tmp_path, monkeypatch):
    """Also where the folder has what that needs, and no lock names pycape."""
    (function / "app.py").write_text("import pycape\n\ndef cape_handler(data):\n    return data\n")
    (function / "msgpack").mkdir()
    (function / "msgpack" / "__init__.py").write_text("")
    before = fingerprint(function)
    assert bundle(function).fingerprint == before
    changed = tmp_path / "changed.py"
    changed.write_text("# another version\n")
    monkeypatch.setitem(_function_side._PLACES, "errors.py", changed)
    assert fingerprint(function) not in {before, None}
