"""Bytes that a kernel could unpack in place of an image's own files: other code with one PCR0."""

import pytest

from pycape import images
from pycape.errors import ImageError

from . import made
from .altered import archive, directory, entry, ramdisks_of, with_ramdisks

HIDDEN = archive(directory("dev"), entry("init", b"#!", mode=0o100755))


@pytest.fixture
def with_file(build, folder):
    """Build an image that has a file of this content."""

    def build_with(content, **others):
        (folder / "hidden").write_bytes(content)
        return build(f'{made.RECIPE}[[file]]\npath = "hidden"\nsource = "hidden"\n', **others)

    return build_with


@pytest.mark.parametrize(
    "content",
    [
        HIDDEN,
        b"#" + HIDDEN,
        made.COMMAND_LINE.encode() + HIDDEN,
        b"rdinit=/rootfs/program " + entry("rootfs", mode=0o040755),
        entry("init", b"#!", mode=0o100755).lower(),
        entry("init", b"#!", mode=0o100755).replace(b"070701", b"070702"),
        # Kernels read "81ed zzz" and "0x81ed" as 81ed.
        entry("init", b"#!", mode=0o100755).replace(b"000081ED", b"81ed zzz"),
        entry("init", b"#!", mode=0o100755).replace(b"000081ED", b"0x0081ed"),
        b"070701 070702 " + HIDDEN,
    ],
)
def test_no_image_is_made_with_an_archive_in_a_file(with_file, folder, content):
    with pytest.raises(ImageError, match="'rootfs/hidden' has an archive in it") as error:
        with_file(content)
    assert error.value.hint == "leave that out"
    assert [*folder.parent.glob("*.eif")] == []


@pytest.mark.parametrize("before", range(0, 128, 9))
def test_nor_where_it_lies_across_what_is_read_at_a_time(with_file, before):
    with pytest.raises(ImageError, match="has an archive in it"):
        with_file(bytes((1 << 20) - 6400 - before) + HIDDEN)


def test_nor_where_a_name_begins_one(build):
    name = entry("init").split(b"init")[0].decode()
    with pytest.raises(ImageError, match="has an archive in it"):
        build(f'{made.RECIPE}[[file]]\npath = "{name}init"\ntext = ""\n')


@pytest.mark.parametrize(
    "content",
    [
        b"070701",
        # Programs that know archives.
        b"070701\x00070707\x00070702\x00/dev/tty",
        b"070701" + b"%08X" * 13,
        entry("nothing", mode=0o644),
        HIDDEN[:94] + b"00000000",  # without a name
        made.COMMAND_LINE.encode(),
    ],
)
def test_what_makes_no_file_may_be_there(with_file, content):
    assert with_file(content).pcrs


def test_nor_with_another_first_program_before_the_files(build, folder):
    """They are all unpacked as they should be, and the kernel is told to start another one."""
    text = f"{made.SETTINGS}# rdinit=/rootfs/usr/bin/python3.11 \n"
    (folder / "settings.toml").write_text(text)
    with pytest.raises(ImageError, match=r"rdinit=.* another first program"):
        build()


def test_nor_where_a_container_names_one(build, tmp_path):
    container = made.Container(made.tar(made.APP), Env=["A= rdinit=/rootfs/bin/app "])
    with pytest.raises(ImageError, match="another first program"):
        build(container=container.layout(tmp_path / "container"))


def test_a_file_that_nobody_starts_may_tell_of_it(with_file):
    assert with_file(b"rdinit=/bin/sh is a parameter of the kernel").pcrs


@pytest.mark.parametrize("ramdisk", [0, 1])
def test_an_image_of_others_is_not_signed(with_file, signing, tmp_path, ramdisk):
    path = with_file(b"").path
    ramdisks = ramdisks_of(path)
    ramdisks[ramdisk] = archive(entry("file", b"." + HIDDEN))
    with_ramdisks(path, path, ramdisks)
    signer = images.load_signer(*signing())
    with pytest.raises(ImageError, match="has an archive in it"):
        images.sign(path, tmp_path / "signed.eif", signer)
    assert not (tmp_path / "signed.eif").exists()


def test_nor_with_an_archive_behind_the_end_of_another(with_file, signing, tmp_path):
    path = with_file(b"").path
    first, second = ramdisks_of(path)
    with_ramdisks(path, path, [first, second + HIDDEN])
    signer = images.load_signer(*signing())
    with pytest.raises(ImageError, match="has an archive in it"):
        images.sign(path, tmp_path / "signed.eif", signer)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b" rdinit=/rootfs/x ", "another first program"), (b"." + HIDDEN, "has an archive in it")],
)
def test_nobody_says_what_an_image_of_others_is_for(with_file, content, says):
    path = with_file(b"").path
    ramdisks = ramdisks_of(path)
    settings = entry("cape/settings.toml", b"# " + content)
    ramdisks[0] = archive(directory("cape"), settings, entry("init", b"#!", mode=0o100755))
    platform = images.platform_of(with_ramdisks(path, path, ramdisks))
    assert says in platform.defect
    assert (platform.purpose, platform.insecure) == (None, None)
