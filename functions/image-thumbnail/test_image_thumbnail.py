import io
import struct
import subprocess
import sys
import zlib

import pytest
from PIL import Image, ImageChops, ImageStat

pytestmark = pytest.mark.network


def file_of(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def gradient(mode: str = "RGB") -> Image.Image:
    return Image.linear_gradient("L").resize((600, 300)).convert(mode)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "P"), ("PNG", "1"), ("PNG", "LA"), ("WEBP", "RGB")],
)
def test_a_thumbnail_is_small(run, kind, mode):
    small = Image.open(io.BytesIO(run(file_of(gradient(mode), kind))))
    assert (small.format, small.mode, small.size) == ("JPEG", "RGB", (256, 128))


def test_a_small_image_stays_as_small(run):
    assert Image.open(io.BytesIO(run(file_of(Image.new("L", (1, 1)), "PNG")))).size == (1, 1)


def test_a_thumbnail_is_upright_and_says_nothing_of_its_origin(run):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    file = file_of(gradient(), "JPEG", exif=exif, comment=b"a comment", icc_profile=b"a profile")
    small = run(file)
    for known in (b"a camera", b"a comment", b"a profile", b"Exif"):
        assert known in file
        assert known not in small
    assert Image.open(io.BytesIO(small)).size == (128, 256)


def test_what_is_transparent_becomes_white(run):
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    assert (
        min(Image.open(io.BytesIO(run(file_of(clear, "PNG")))).convert("L").get_flattened_data())
        > 250
    )


def test_what_is_no_image_is_refused(refusal):
    assert refusal(b"hello") == "ValueError: the file is no JPEG, PNG or WebP"
    assert refusal(file_of(gradient(), "GIF")) == "ValueError: the file is no JPEG, PNG or WebP"
    assert refusal(file_of(gradient(), "PNG")[:1000]).startswith(
        "ValueError: the image is damaged: "
    )


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(refusal):
    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
    assert refusal(file) == (
        "ValueError: the image has 100000 x 100000 pixels; 64,000,000 at most are decoded"
    )


def differ(one: Image.Image, other: Image.Image) -> float:
    """Return by how much two images differ, from 0 to 255, on average."""
    return ImageStat.Stat(ImageChops.difference(one, other).convert("L")).mean[0]


def test_the_pictures_of_the_readme_are_what_is_made(run, folder, tmp_path):
    photograph = tmp_path / "photograph.jpg"
    subprocess.run([sys.executable, folder / "photograph.py", photograph], check=True)
    shown, shown_small = (
        Image.open(folder / f"{name}.jpg") for name in ("photograph", "thumbnail")
    )
    assert differ(shown, Image.open(photograph)) < 1
    assert differ(shown_small, Image.open(io.BytesIO(run(photograph.read_bytes())))) < 1
    assert shown.getexif()[0x0112] == 6
    assert not shown_small.getexif()
