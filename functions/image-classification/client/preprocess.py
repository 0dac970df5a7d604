"""From a photograph to what the classifier reads."""

from pathlib import Path

import numpy
from PIL import Image

SHORT_SIDE = 256
SIDE = 224
MEAN = numpy.array([0.485, 0.456, 0.406], dtype="float32")  # of ImageNet, by channel
DEVIATION = numpy.array([0.229, 0.224, 0.225], dtype="float32")


def preprocess(photograph: Path | str) -> bytes:
    """Return float32 of shape 1 x 3 x 224 x 224: scaled, cropped at the centre, normalised."""
    with Image.open(photograph) as opened:
        image = opened.convert("RGB")
    scale = SHORT_SIDE / min(image.size)
    width, height = (round(side * scale) for side in image.size)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    image = image.crop((left, top, left + SIDE, top + SIDE))
    pixels = numpy.asarray(image, dtype="float32") / 255
    return ((pixels - MEAN) / DEVIATION).transpose(2, 0, 1).astype("<f4").tobytes()
