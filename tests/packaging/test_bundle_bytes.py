"""The same folder gives the same bytes."""

import gc
import hashlib
import os
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from pycape.errors import PackagingError
from pycape.packaging import package
from pycape.packaging._files import File
from pycape.packaging._zip import write_zip

CONTENT = {
    "app.py": b"def cape_handler(input):\n    return input\n",
    "Zebra.txt": b"capitals sort before small letters",
    "data/empty": b"",
    "data/numbers.bin": bytes(range(256)) * 5000,
    "data/\u00e9t\u00e9.txt": b"a name outside of ASCII",
    "tool.sh": b"#!/bin/sh\n",
    "z.py": b"x = 1\n",
}

# Of CONTENT, as bytes. If this changes, every function's checksum does.
GOLDEN = "055286d7bb5cac9731600e997a0bc88466193659732a09b1c48519faf488748f"


def fill(folder, names=tuple(CONTENT)):
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(CONTENT[name])
    return folder


def test_the_bytes_are_these(tmp_path, bundle):
    assert bundle(fill(tmp_path)).sha256 == GOLDEN


def test_the_bytes_are_those_of_the_specification(tmp_path, bundle):
    assert bundle(fill(tmp_path)).path.read_bytes() == as_specified(CONTENT)


def as_specified(content):
    """A second implementation of docs/spec/bundle.md."""
    locals_, central = b"", b""
    for name in sorted(content, key=str.encode):
        data = content[name]
        mode = 0o100755 if data.startswith((b"\x7fELF", b"#!")) else 0o100644
        flags = 0 if name.isascii() else 0x800
        common = struct.pack("<HHHHHLLLHH", 20, flags, 0, 0, 0x21, zlib.crc32(data), len(data),
                             len(data), len(name.encode()), 0)  # fmt: skip
        central += b"PK\x01\x02\x14\x03" + common
        central += struct.pack("<HHHLL", 0, 0, 0, mode << 16, len(locals_)) + name.encode()
        locals_ += b"PK\x03\x04" + common + name.encode() + data
    count = len(content)
    return (
        locals_
        + central
        + struct.pack(
            "<4sHHHHLLH", b"PK\x05\x06", 0, 0, count, count, len(central), len(locals_), 0
        )
    )


def test_the_order_of_creation_does_not_show(tmp_path, bundle):
    assert bundle(fill(tmp_path, sorted(CONTENT, reverse=True))).sha256 == GOLDEN


def test_times_do_not_show(tmp_path, bundle):
    fill(tmp_path)
    os.utime(tmp_path / "app.py", (0, 2**31))
    assert bundle(tmp_path).sha256 == GOLDEN


def test_modes_do_not_show(tmp_path, bundle):
    fill(tmp_path)
    (tmp_path / "app.py").chmod(0o700)
    (tmp_path / "tool.sh").chmod(0o600)
    assert bundle(tmp_path).sha256 == GOLDEN


def test_empty_folders_do_not_show(tmp_path, bundle):
    fill(tmp_path)
    (tmp_path / "nothing" / "here").mkdir(parents=True)
    assert bundle(tmp_path).sha256 == GOLDEN


def test_the_path_of_the_folder_does_not_show(tmp_path, bundle):
    deep = tmp_path / "deep down" / "\u00fcber"
    deep.mkdir(parents=True)
    assert bundle(fill(deep)).sha256 == GOLDEN


def test_a_link_to_the_folder_is_the_folder(tmp_path, bundle):
    folder = tmp_path / "real"
    folder.mkdir()
    (tmp_path / "link").symlink_to(fill(folder))
    assert bundle(tmp_path / "link").sha256 == GOLDEN


@pytest.mark.parametrize(
    ("umask", "zone", "seed", "locale"),
    [
        ("000", "UTC", "1", "C"),
        ("077", "Asia/Kathmandu", "2", "C.UTF-8"),
        ("027", "America/St_Johns", "3", "tr_TR.ISO-8859-9"),
    ],
)
def test_umask_time_zone_hash_seed_and_locale_do_not_show(tmp_path, umask, zone, seed, locale):
    program = (
        "import os, sys\n"
        f"os.umask(0o{umask})\n"
        "from pycape.packaging import package\n"
        "with package(sys.argv[1], python='3.11', platform='x86_64-manylinux_2_28') as made:\n"
        "    print(made.sha256)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(fill(tmp_path))],
        env={
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONHASHSEED": seed,
            "TZ": zone,
            "LC_ALL": locale,
            "TMPDIR": str(tmp_path.parent),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == GOLDEN


def test_a_copy_in_a_zip_gives_the_bytes_of_the_folder(tmp_path, bundle):
    folder = tmp_path / "folder"
    folder.mkdir()
    archive = shutil.make_archive(str(tmp_path / "folder"), "zip", fill(folder))
    assert bundle(archive).sha256 == GOLDEN


def test_content_shows(tmp_path, bundle):
    (fill(tmp_path) / "data" / "empty").write_bytes(b" ")
    assert bundle(tmp_path).sha256 != GOLDEN


def test_names_show(tmp_path, bundle):
    (fill(tmp_path) / "z.py").rename(tmp_path / "y.py")
    assert bundle(tmp_path).sha256 != GOLDEN


def test_what_stands_in_the_zip(tmp_path, bundle):
    made = bundle(fill(tmp_path))
    with zipfile.ZipFile(made.path) as opened:
        entries = opened.infolist()
        assert {entry.filename: opened.read(entry) for entry in entries} == CONTENT
    names = [entry.filename for entry in entries]
    assert names == sorted(CONTENT, key=str.encode)
    for entry in entries:
        assert entry.compress_type == zipfile.ZIP_STORED
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert entry.extra == b""
        mode = 0o755 if entry.filename == "tool.sh" else 0o644
        assert entry.external_attr >> 16 == stat.S_IFREG | mode
    data = made.path.read_bytes()
    assert (made.size, made.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_programs_are_executable_whatever_their_mode_was(tmp_path, bundle, elf):
    fill(tmp_path)
    (tmp_path / "helper").write_bytes(elf("x86_64"))
    with zipfile.ZipFile(bundle(tmp_path).path) as opened:
        assert opened.getinfo("helper").external_attr >> 16 == stat.S_IFREG | 0o755


def test_zip64_is_used_only_when_needed(tmp_path, monkeypatch):
    monkeypatch.setattr("zipfile.ZIP64_LIMIT", 1000)
    files = []
    for name, size in (("large", 1001), ("small", 900)):
        (tmp_path / name).write_bytes(b"x" * size)
        files.append(File(name, tmp_path / name, size))
    write_zip(files, tmp_path / "out.zip", lambda _: None)
    data = (tmp_path / "out.zip").read_bytes()
    extra = [struct.unpack_from("<H", data, at + 28)[0] for at in (0, data.rindex(b"PK\x03\x04"))]
    assert extra == [20, 0]


def test_a_file_that_grows_is_refused(tmp_path):
    file = tmp_path / "growing"
    file.write_bytes(b"longer than it was")
    with pytest.raises(PackagingError, match="growing changed while it was packaged"):
        write_zip([File("growing", file, 3)], tmp_path / "out.zip", lambda _: None)


def test_a_file_that_became_a_folder_is_refused(tmp_path):
    (tmp_path / "was-a-file").mkdir()
    with pytest.raises((PackagingError, OSError)):
        write_zip([File("f", tmp_path / "was-a-file", 3)], tmp_path / "out.zip", lambda _: None)


def test_memory_does_not_grow_with_the_bundle(function):
    with (function / "weights.bin").open("wb") as opened:
        opened.truncate(300 << 20)
    # Not what getrusage(2) tells: in that is the most of the process that it was forked from.
    program = (
        "import re, sys\n"
        "from pathlib import Path\n"
        "from pycape.packaging import package\n"
        "def peak():\n"
        "    status = Path('/proc/self/status').read_text()\n"
        "    return int(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1])\n"
        "package(sys.argv[2], python='3.11', platform='x86_64-manylinux_2_28').close()\n"
        "before = peak()\n"
        "package(sys.argv[1], python='3.11', platform='x86_64-manylinux_2_28').close()\n"
        "print(peak() - before)\n"
    )
    small = function.parent / "small"
    small.mkdir()
    shutil.copy(function / "app.py", small)
    done = subprocess.run(
        [sys.executable, "-c", program, function, small],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 16 << 10  # KiB


def test_a_temporary_bundle_is_gone_once_closed(function):
    with package(function, python="3.11", platform="x86_64-manylinux_2_28") as made:
        assert made.path.is_file()
    assert not made.path.exists()
    assert not made.path.parent.exists()


def test_a_bundle_with_a_place_of_its_own_stays(function, tmp_path, bundle):
    place = tmp_path / "made.zip"
    made = bundle(function, output=place)
    made.close()
    assert made.path == place
    assert hashlib.sha256(place.read_bytes()).hexdigest() == made.sha256
    assert sorted(each.name for each in tmp_path.iterdir()) == ["function", "made.zip"]


def test_a_failure_leaves_an_older_bundle_alone(function, tmp_path, bundle):
    place = tmp_path / "made.zip"
    place.write_bytes(b"older")
    (function / "weights.bin").write_bytes(b"x" * 1000)
    with pytest.raises(PackagingError):
        bundle(function, output=place, max_size=1100)
    assert place.read_bytes() == b"older"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["function", "made.zip"]


def test_into_leaves_what_the_enclave_will_see(tmp_path, bundle):
    source = tmp_path / "source"
    source.mkdir()
    into = tmp_path / "into"
    bundle(fill(source), into=into)
    found = {
        file.relative_to(into).as_posix(): file.read_bytes()
        for file in into.rglob("*")
        if file.is_file()
    }
    assert found == CONTENT


def test_into_does_not_touch_a_folder_that_holds_something(function, tmp_path, bundle):
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "mine").write_bytes(b"")
    done = []
    with pytest.raises(PackagingError, match="is not empty"):
        bundle(function, into=tmp_path / "into", progress=done.append)
    assert done == [], "nothing was done in vain"


def test_progress_ends_with_all_bytes_written(function, bundle):
    seen = []
    made = bundle(function, progress=seen.append)
    assert [each.phase for each in seen if each.done == 0] == ["collect", "check", "write"]
    assert (seen[-1].done, seen[-1].total) == (made.sizes.total, made.sizes.total)
    assert all(0 <= each.done <= each.total for each in seen)


def test_nothing_is_left_in_the_temporary_folder(function, tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    package(function, python="3.11", platform="x86_64-manylinux_2_28").close()
    (function / "app.py").write_text("")
    with pytest.raises(PackagingError):
        package(function, python="3.11", platform="x86_64-manylinux_2_28")
    assert list(Path(place).iterdir()) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder where nobody can write")
def test_an_output_that_cannot_be_written_is_named(function, bundle):
    with pytest.raises(PackagingError, match=r"^/proc/out\.zip: no such file or directory"):
        bundle(function, output="/proc/out.zip")


def test_an_interruption_while_an_entry_is_opened_is_told_as_that(tmp_path, monkeypatch):
    """zipfile told of a handle that is open in its place, and once more when it was dropped."""

    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    file = tmp_path / "f"
    file.write_bytes(b"abc")
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    monkeypatch.setattr(zipfile._ZipWriteFile, "__init__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_zip([File("f", file, 3)], tmp_path / "out.zip", lambda _: None)
    gc.collect()
    assert [each for each in ignored if "ZipFile" in str(each.object)] == []
