"""A file that has the command line before an archive: other code with the same PCR0."""

import pytest

from pycape import images
from pycape.errors import ImageError

from . import made
from .altered import archive, entry, ramdisks_of, with_ramdisks

LINE = made.COMMAND_LINE.encode()
ARCHIVES = [
    b"070701",
    b"070702",
    bytes(3) + b"070701",
    bytes(5000) + b"070701",
    b"\x1f\x8b\x08",
    b"\x1f\x9e",
    b"BZh9",
    b"\x5d\0\0",
    b"\xfd7zXZ\0",
    b"\x89LZO",
    b"\x02\x21L\x18",
    b"\x28\xb5\x2f\xfd",
]


@pytest.fixture
def with_file(build, folder):
    """Build an image that has a file of this content."""

    def build_with(content, **others):
        (folder / "hidden").write_bytes(content)
        return build(f'{made.RECIPE}[[file]]\npath = "hidden"\nsource = "hidden"\n', **others)

    return build_with


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive[-8:].hex())
def test_no_image_is_made_of_it(with_file, folder, archive):
    with pytest.raises(ImageError, match="before an archive") as error:
        with_file(b"text, " + LINE + archive)
    assert "leave that file out" in error.value.hint
    assert [*folder.parent.glob("*.eif")] == []


def test_nor_of_the_second_that_is_there(with_file):
    with pytest.raises(ImageError, match="before an archive"):
        with_file(LINE + b"." + LINE + b"070701")


@pytest.mark.parametrize("before", range(0, 64, 9))
def test_nor_where_the_text_lies_across_what_is_read_at_a_time(with_file, before):
    with pytest.raises(ImageError, match="before an archive"):
        with_file(bytes((1 << 20) - 6400 - before) + LINE + b"070701")


def test_nor_where_a_file_ends_with_the_text(with_file):
    """What is behind it is the next entry, from which on the rest is an archive."""
    with pytest.raises(ImageError, match="before an archive"):
        with_file(LINE)


def test_nor_where_a_name_is_the_text(build):
    text = f'{made.RECIPE}[[file]]\npath = "{made.COMMAND_LINE}"\ntext = "070701"\n'
    with pytest.raises(ImageError, match="before an archive"):
        build(text)


@pytest.mark.parametrize("behind", [b".", b".070701", b"\n070701", b"x" + bytes(8) + b"070701"])
def test_the_text_alone_is_in_the_runtime_and_may_be_elsewhere(with_file, behind):
    assert with_file(LINE + behind).pcrs


def test_an_image_of_others_is_not_signed(with_file, signing, tmp_path):
    path = with_file(b"").path
    first, second = ramdisks_of(path)
    hidden = archive(entry("hidden", b"." + LINE + b"070701"))
    with_ramdisks(path, path, [first, hidden, second])
    signer = images.load_signer(*signing())
    with pytest.raises(ImageError, match="before an archive"):
        images.sign(path, tmp_path / "signed.eif", signer)
    assert not (tmp_path / "signed.eif").exists()


def test_a_text_that_ends_a_ramdisk_stands_before_the_next(with_file, signing, tmp_path):
    """Ramdisks of others begin where their maker wanted."""
    path = with_file(b"").path
    first, second = ramdisks_of(path)
    image = with_ramdisks(path, path, [first + LINE, second])
    assert image.ramdisks[1].size == len(second)
    signer = images.load_signer(*signing())
    with pytest.raises(ImageError, match="before an archive"):
        images.sign(path, tmp_path / "signed.eif", signer)
