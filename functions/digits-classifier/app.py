"""Read a handwritten digit.

Input: an image of one digit, dark on light, PNG or JPEG, of at most 1 MiB and 4 million pixels; a
square around it with the digit filling most of it is best. Output: JSON, {"digit": 2,
"probability": 0.99, "others": [[3, 0.004], ...]}: the likeliest, and what else it may be.
"""

import io
import json

import numpy as np
import onnxruntime
from PIL import Image, UnidentifiedImageError

LIMIT = 1 << 20
PIXELS = 4_000_000
SIDE = 8
OTHERS = 3

Image.MAX_IMAGE_PIXELS = None  # PIXELS is the limit, with an error of its own
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
model = onnxruntime.InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"])


def cape_handler(input_bytes: bytes) -> str:
    ink = ink_of(input_bytes)
    (probabilities,) = model.run(["probabilities"], {"image": ink.reshape(1, SIDE * SIDE)})
    best = [
        (int(digit), round(float(probabilities[0, digit]), 4))
        for digit in probabilities[0].argsort()[::-1][: OTHERS + 1]
    ]
    (digit, probability), *others = best
    return json.dumps({"digit": digit, "probability": probability, "others": others})


def ink_of(file: bytes) -> np.ndarray:
    """Return how dark each of 8 x 8 parts of an image is: float32 from 0 to 1."""
    if len(file) > LIMIT:
        raise ValueError(f"the file has {len(file):,} bytes; {LIMIT:,} at most are read")
    try:
        image = Image.open(io.BytesIO(file), formats=("PNG", "JPEG"))
    except UnidentifiedImageError:
        raise ValueError("the file is no PNG or JPEG") from None
    # Known from the header: nothing was decoded yet.
    if image.width * image.height > PIXELS or min(image.size) < SIDE:
        raise ValueError(
            f"the image has {image.width} x {image.height} pixels; "
            f"{SIDE} x {SIDE} at least, {PIXELS:,} at most are read"
        )
    try:
        grey = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"the image is damaged: {error}") from None
    return 1 - np.asarray(grey, dtype=np.float32) / 255
