"""Files that are in their place when they are whole, on file systems of both kinds."""

import os
import re
import stat

import pytest

from pycape import _whole_file
from pycape._whole_file import whole_file


@pytest.fixture(params=["without a name", "with a name"])
def is_named(request, monkeypatch, tmp_path):
    """Whether a file has a name while it is written, as where there are none without."""
    if request.param == "with a name":
        monkeypatch.setattr(_whole_file, "_OPEN_FILES", tmp_path / "missing")
        return True
    if not hasattr(os, "O_TMPFILE"):
        pytest.skip("this system has no files without names")
    return False


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_a_file_is_there_when_it_is_whole(is_named, folder):
    with whole_file(folder / "file", mode=0o600) as file:
        file.write(b"whole")
        assert bool(names(folder)) == is_named
        assert all(re.fullmatch(r"\.file\.[0-9a-f]{16}\.part", name) for name in names(folder))
    assert names(folder) == ["file"]
    assert (folder / "file").read_bytes() == b"whole"
    assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_replaced_with_its_permissions(is_named, folder):
    (folder / "file").write_bytes(b"before")
    (folder / "file").chmod(0o640)
    (folder / "link").symlink_to("file")
    with whole_file(folder / "link", mode=0o666) as file:
        file.write(b"after")
        assert (folder / "file").read_bytes() == b"before"
    assert (folder / "file").read_bytes() == b"after"
    assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o640
    assert (folder / "link").is_symlink()


def test_nothing_is_left_where_something_is_raised(is_named, folder):
    with pytest.raises(KeyboardInterrupt), whole_file(folder / "file", mode=0o666) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert names(folder) == []


def test_a_new_file_is_within_the_umask(is_named, folder):
    before = os.umask(0o027)
    try:
        with whole_file(folder / "file", mode=0o666):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "file").stat().st_mode) == 0o640


def test_an_error_names_the_file_that_was_asked_for(is_named, folder):
    with (
        pytest.raises(FileNotFoundError) as error,
        whole_file(folder / "missing" / "file", mode=0o666),
    ):
        pass
    assert error.value.filename == str(folder / "missing" / "file")
