"""Make a small picture of a photograph, without what the camera wrote into it.

Input: a JPEG, PNG or WebP file of at most 32 MiB and 64 million pixels. Output: a JPEG, upright, at
most 256 pixels wide and high, without EXIF: no place, no time, no device.
"""

import io

from PIL import Image, ImageOps, UnidentifiedImageError

LIMIT = 32 << 20
PIXELS = 64_000_000
SIDE = 256
FORMATS = ("JPEG", "PNG", "WEBP")

Image.MAX_IMAGE_PIXELS = None  # PIXELS is the limit, with an error of its own


def cape_handler(input_bytes: bytes) -> bytes:
    if len(input_bytes) > LIMIT:
        raise ValueError(f"the file has {len(input_bytes):,} bytes; {LIMIT:,} at most are read")
    try:
        photograph = Image.open(io.BytesIO(input_bytes), formats=FORMATS)
    except UnidentifiedImageError:
        raise ValueError("the file is no JPEG, PNG or WebP") from None
    # Known from the header: nothing was decoded yet.
    if photograph.width * photograph.height > PIXELS:
        raise ValueError(
            f"the image has {photograph.width} x {photograph.height} pixels; "
            f"{PIXELS:,} at most are decoded"
        )
    try:
        photograph.thumbnail((SIDE, SIDE))
        small = ImageOps.exif_transpose(photograph)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"the image is damaged: {error}") from None
    output = io.BytesIO()
    on_white(small).save(output, "JPEG", quality=85, optimize=True)
    return output.getvalue()


def on_white(image: Image.Image) -> Image.Image:
    """What is transparent becomes white; a new image has nothing of the old one's metadata."""
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgba).convert("RGB")
