"""Ramdisks that change what becomes of others: nobody says then what an image is for."""

import pytest

from pycape import images

from .altered import archive, directory, entry, ramdisks_of, symlink, with_ramdisks

ROOT, END = directory("rootfs"), entry("unpacked", b"all\n")
SETTINGS = entry("cape/settings.toml", b'mode = "production"\n')
CAPE = directory("cape")


@pytest.fixture
def platform(build, folder, tmp_path):
    """What an image for production is for, once its ramdisks are others: `platform(others)`."""
    (folder / "settings.toml").write_text('mode = "production"\n')
    path = build().path

    def platform(change):
        ramdisks = change(*ramdisks_of(path))
        return images.platform_of(with_ramdisks(path, tmp_path / "altered.eif", ramdisks))

    return platform


def test_an_image_as_it_was_built_has_no_defect(platform):
    assert platform(lambda *ramdisks: ramdisks).insecure == ()
    more = archive(ROOT, entry("rootfs/file")), archive(ROOT, END)
    assert platform(lambda first, _: [first, *more]).insecure == ()


THERE = "which no image of Cape has there"


@pytest.mark.parametrize(
    ("entries", "defect"),
    [
        ([CAPE, SETTINGS, ROOT, END], f"'cape' (directory), {THERE}"),
        (
            [
                *(ROOT, entry("rootfs/other"), CAPE),
                *(symlink("cape/settings.toml", "/rootfs/other"), END),
            ],
            f"'cape' (directory), {THERE}",
        ),
        ([ROOT, symlink("cape", "rootfs"), END], f"'cape' (symlink), {THERE}"),
        ([ROOT, entry("init"), END], f"'init' (file), {THERE}"),
        ([directory("dev"), ROOT, END], f"'dev' (directory), {THERE}"),
        ([symlink("rootfs", "/"), END], f"'rootfs' (symlink), {THERE}"),
        ([directory("."), ROOT, END], f"'.' (directory), {THERE}"),
        ([directory("rootfs2"), ROOT, END], f"'rootfs2' (directory), {THERE}"),
        ([END, ROOT], f"'unpacked' (file), {THERE}"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_second_ramdisk_is_the_root_alone(platform, entries, defect):
    found = platform(lambda first, _: [first, archive(*entries)])
    assert found == images.Platform(defect=f"ramdisk 1 has {defect}")


@pytest.mark.parametrize(
    ("entries", "defect"),
    [
        ([CAPE, symlink("cape/settings.toml", "/x")], "'cape/settings.toml' (symlink)"),
        ([CAPE, SETTINGS, symlink("cape/vault.key", "/x")], "'cape/vault.key' (symlink)"),
        (
            [CAPE, entry("cape/settings.toml", mode=0o020600)],
            "'cape/settings.toml' (character device)",
        ),
        ([CAPE, SETTINGS, END], "'unpacked' (file)"),
        ([CAPE, SETTINGS, ROOT], "'rootfs' (directory)"),
        ([CAPE, SETTINGS, symlink("init", "cape")], "'init' (symlink)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_first_ramdisk_is_the_platform_alone(platform, entries, defect):
    found = platform(lambda _, second: [archive(*entries), second])
    assert found == images.Platform(defect=f"ramdisk 0 has {defect}, {THERE}")


def test_the_end_is_what_comes_last(platform):
    """What comes behind it could be left out by a host that gives too little memory."""
    unended = "ramdisk 1 does not end with the file 'unpacked', as images of Cape do"
    for last in (archive(ROOT), archive(), archive(ROOT, symlink("unpacked", "rootfs"))):
        assert platform(lambda first, _, last=last: [first, last]).defect == unended
    found = platform(lambda first, second: [first, second, archive(ROOT, END)])
    assert found.defect == f"ramdisk 1 has 'unpacked' (file), {THERE}"
    alone = platform(lambda first, _: [first])
    assert alone.defect == "ramdisk 0 does not end with the file 'unpacked', as images of Cape do"
