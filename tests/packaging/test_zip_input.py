"""A zip instead of a folder: nobody has checked it yet."""

import stat
import struct
import zipfile

import pytest

from pycape.errors import BundleTooLarge, FileRefused, HandlerMissing, PackagingError

APP = "def cape_handler(input):\n    return input\n"


@pytest.fixture
def archive(tmp_path):
    """Write a zip with app.py and the entries given: names or ZipInfos with content."""

    def write(*entries, method=zipfile.ZIP_STORED):
        path = tmp_path / "function.zip"
        with zipfile.ZipFile(path, "w", method) as opened:
            opened.writestr("app.py", APP)
            for entry, content in entries:
                opened.writestr(entry, content)
        return path

    return write


def with_mode(name, mode):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = mode << 16
    return entry


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_stored_and_deflated_zips_are_read(archive, bundle, method):
    made = bundle(archive(("data/", b""), ("data/x", b"x" * 9999), method=method))
    assert [entry.name for entry in made.files] == ["app.py", "data/x"]


def test_capeignore_and_settings_in_it_count(archive, bundle):
    made = bundle(
        archive(("notes", b""), (".capeignore", b"notes"), ("cape.toml", b"memory_mib = 64"))
    )
    assert [entry.name for entry in made.files] == ["app.py"]
    assert made.settings.memory_mib == 64


@pytest.mark.parametrize("name", ["/etc/cron.d/x", "../x", "a/../../x", "a\\..\\x", "C:\\x"])
def test_a_name_that_leads_out_is_refused(archive, bundle, name):
    with pytest.raises(FileRefused):
        bundle(archive((name, b"x")))


def test_nothing_is_written_outside(archive, bundle, tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    with pytest.raises(FileRefused):
        bundle(archive(("ok", b"x"), ("../../escaped", b"x")))
    assert not list(tmp_path.rglob("escaped"))


def test_a_symbolic_link_is_refused(archive, bundle):
    link = with_mode("link", stat.S_IFLNK | 0o777)
    with pytest.raises(FileRefused, match="link is a link or a special file"):
        bundle(archive((link, b"/etc/passwd")))


def test_a_set_id_bit_is_refused(archive, bundle):
    with pytest.raises(FileRefused, match="set-user-id"):
        bundle(archive((with_mode("tool", stat.S_IFREG | 0o4755), b"x")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(archive, bundle):
    with pytest.raises(FileRefused, match="x is there twice"):
        bundle(archive(("x", b"1"), ("x", b"2")))


def test_another_compression_is_refused(archive, bundle):
    entry = zipfile.ZipInfo("x")
    entry.compress_type = zipfile.ZIP_BZIP2
    with pytest.raises(FileRefused, match="compression method 12"):
        bundle(archive((entry, b"x")))


def test_an_encrypted_entry_is_refused(archive, bundle):
    path = archive(("x", b"x"))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(FileRefused, match="x is encrypted"):
        bundle(path)


def test_a_bomb_is_refused_before_it_is_unpacked(archive, bundle, tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    path = archive(("zeros", b"\0" * (5 << 20)), method=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(BundleTooLarge, match=r"5\.0 MiB; the limit is 1\.0 MiB"):
        bundle(path, max_size=1 << 20)


def test_an_entry_longer_than_it_says_is_refused(archive, bundle):
    path = archive(("zeros", b"\0" * 5000), method=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 10)
    path.write_bytes(data)
    with pytest.raises(PackagingError):
        bundle(path)


def test_an_altered_entry_is_refused(archive, bundle):
    path = archive(("words", b"hello world"))
    path.write_bytes(path.read_bytes().replace(b"hello world", b"jello world"))
    with pytest.raises(PackagingError, match="not a sound zip: Bad CRC-32 for file 'words'"):
        bundle(path)


def test_a_truncated_zip_is_refused(archive, bundle):
    path = archive(("words", b"x" * 1000))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(PackagingError, match="not a sound zip"):
        bundle(path)


def test_a_folder_inside_the_zip_is_named(tmp_path, bundle):
    path = tmp_path / "nested.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("onnx_resnet_deploy/app.py", APP)
    with pytest.raises(HandlerMissing) as caught:
        bundle(path)
    assert caught.value.hint == "it is in onnx_resnet_deploy: package that"


@pytest.mark.parametrize("name", ["app.py", "notes"])
def test_a_file_that_is_no_zip(function, bundle, name):
    (function / "notes").write_bytes(b"")
    with pytest.raises(PackagingError, match=f"{name} is no folder and no zip of one") as caught:
        bundle(function / name)
    python = name == "app.py"
    hint = f"name the folder that it is in: {function}" if python else "name a folder with app.py"
    assert caught.value.hint.startswith(hint)
