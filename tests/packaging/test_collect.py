"""What belongs to a bundle, and what cannot."""

import os
import socket
import stat

import pytest

from pycape.errors import FileRefused, PackagingError
from pycape.packaging._collect import _check_kind
from pycape.packaging._files import File, check_name, check_together


def names(made):
    return [entry.name for entry in made.files]


def write(folder, *files):
    for name in files:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def test_everything_beside_app_py_belongs_to_it(function, bundle):
    write(function, "model/weights.bin", "words.txt", ".hidden")
    assert names(bundle(function)) == [".hidden", "app.py", "model/weights.bin", "words.txt"]


def test_what_nobody_wants_is_left_out(function, bundle):
    write(
        function,
        ".env",
        ".env.local",
        ".git/config",
        ".venv/lib/x.py",
        "venv/lib/x.py",
        "__pycache__/app.cpython-311.pyc",
        "pkg/__pycache__/m.pyc",
        "pkg/m.pyc",
        "pkg/.DS_Store",
        "node_modules/a.js",
        "cape.lock",
    )
    assert names(bundle(function)) == ["app.py"]


def test_a_pattern_in_capeignore_leaves_out(function, bundle):
    write(function, "notes.md", "data/a.csv", "data/b.bin", "keep/notes.md")
    (function / ".capeignore").write_text("# comment\n/notes.md\ndata/*.csv\n")
    assert names(bundle(function)) == ["app.py", "data/b.bin", "keep/notes.md"]


def test_a_pattern_in_capeignore_takes_back(function, bundle):
    write(function, ".env", "venv/x")
    (function / ".capeignore").write_text("!.env\n")
    assert names(bundle(function)) == [".env", "app.py"]


def test_a_capeignore_that_is_not_text_is_refused(function, bundle):
    (function / ".capeignore").write_bytes(b"\xff\xfe")
    with pytest.raises(PackagingError, match=r"\.capeignore is not UTF-8") as caught:
        bundle(function)
    assert caught.value.hint == "save it as UTF-8"


@pytest.mark.parametrize("pattern", ["!", "a\\", "[z-a]"])
def test_a_pattern_that_git_does_not_know_is_refused(function, bundle, pattern):
    (function / ".capeignore").write_text(pattern)
    with pytest.raises(PackagingError, match=r"\.capeignore has a malformed pattern") as caught:
        bundle(function)
    assert ".gitignore" in caught.value.hint


@pytest.mark.parametrize("target", ["app.py", "nowhere", "/etc/passwd"])
def test_a_symbolic_link_is_refused(function, bundle, target):
    (function / "link").symlink_to(target)
    with pytest.raises(FileRefused, match="link is a symbolic link") as caught:
        bundle(function)
    assert "/link in .capeignore" in caught.value.hint


def test_a_symbolic_link_to_a_folder_is_refused(function, bundle, tmp_path):
    write(tmp_path, "elsewhere/secret")
    (function / "folder").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileRefused, match="folder is a symbolic link"):
        bundle(function)


def test_a_link_that_is_ignored_does_not_matter(function, bundle):
    (function / "link").symlink_to("nowhere")
    (function / ".capeignore").write_text("/link\n")
    assert names(bundle(function)) == ["app.py"]


def test_a_socket_is_refused(function, bundle, monkeypatch):
    monkeypatch.chdir(function)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("talk")
        with pytest.raises(FileRefused, match="talk is a socket"):
            bundle(function)


def test_a_named_pipe_is_refused_and_not_opened(function, bundle):
    os.mkfifo(function / "pipe")
    with pytest.raises(FileRefused, match="pipe is a named pipe"):
        bundle(function)


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK])
def test_a_device_is_refused(kind):
    with pytest.raises(FileRefused, match="d is a device"):
        _check_kind("d", kind | 0o644)


@pytest.mark.parametrize("bit", [stat.S_ISUID, stat.S_ISGID])
def test_a_set_id_bit_is_refused(function, bundle, bit):
    write(function, "tool")
    (function / "tool").chmod(0o755 | bit)
    with pytest.raises(FileRefused, match="tool has a set-user-id or set-group-id bit"):
        bundle(function)


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "a\x7fb", "a\tb"])
def test_a_name_that_not_every_system_can_hold_is_refused(function, bundle, name):
    write(function, name)
    with pytest.raises(FileRefused, match=r"the name has a (backslash|control character)"):
        bundle(function)


def test_a_name_that_is_not_utf8_is_refused(function, bundle):
    with open(os.fsencode(function) + b"/\xff", "wb"):  # noqa: PTH123 - bytes
        pass
    with pytest.raises(FileRefused, match="the name is not UTF-8"):
        bundle(function)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../up",
        "a/../../up",
        "..",
        "",
        "a//b",
        "./a",
        "a/.",
        "a/",
        "x" * 256,
        "d/" * 512 + "f",
        "d/" * 32 + "f",
    ],
)
def test_a_name_that_no_folder_yields_is_refused_too(name):
    with pytest.raises(FileRefused):
        check_name(name)


@pytest.mark.parametrize(
    "name", ["...", "..a", "a..", "a b", "\u00e9", ".hidden", "x" * 255, "a:b"]
)
def test_an_unusual_name_is_taken(name):
    check_name(name)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Data.txt", "data.txt"),
        ("\u00e9.txt", "e\u0301.txt"),
        ("stra\u00dfe", "STRASSE"),
        ("\u212b", "\u00e5"),
        ("a/B", "A/b"),
    ],
)
def test_two_names_that_some_system_takes_for_one_are_refused(tmp_path, first, second):
    with pytest.raises(FileRefused, match="are one file on systems"):
        check_together([File(first, tmp_path, 1), File(second, tmp_path, 1)])


def test_the_same_name_twice_is_refused(tmp_path):
    with pytest.raises(FileRefused, match="a is there twice"):
        check_together([File("a", tmp_path, 1), File("a", tmp_path, 1)])


def test_a_file_that_is_also_a_folder_is_refused(tmp_path):
    with pytest.raises(FileRefused, match="a is a file, and a folder in A/b/c"):
        check_together([File("a", tmp_path, 1), File("A/b/c", tmp_path, 1)])


def test_a_folder_that_cannot_be_read_is_an_error(function, bundle, monkeypatch):
    scandir = os.scandir

    def denied(path):
        if path == str(function):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", denied)
    with pytest.raises(PackagingError, match="permission denied"):
        bundle(function)


def test_no_folder_is_an_error(tmp_path, bundle):
    with pytest.raises(PackagingError, match="there is no folder") as caught:
        bundle(tmp_path / "nowhere")
    assert caught.value.hint == f"it was looked for in {tmp_path}"


def test_an_output_in_no_folder_is_told_by_its_own_name(function, tmp_path, bundle):
    output = tmp_path / "nowhere" / "made.zip"
    with pytest.raises(PackagingError) as caught:
        bundle(function, output=output)
    assert str(caught.value) == f"{output}: no such file or directory"
    assert caught.value.hint == f"there is no folder {output.parent}"


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06" + b"\0" * 10, b"just text"])
def test_a_file_that_is_no_zip_is_an_error(tmp_path, bundle, content):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(PackagingError, match=r"is no folder and no zip|is not a sound zip"):
        bundle(tmp_path / "f")
