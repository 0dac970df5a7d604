"""Recognise a handwritten digit.

Input: 256 bytes, an image of 8 x 8 pixels by rows from the top, each a little-endian
float32 from 0 (paper) to 16 (ink). Output: JSON, the five likeliest classes, likeliest
first: [{"class": "2", "probability": 0.98}, ...].
"""

import json

import numpy
import onnxruntime

PIXELS = 64
BEST = 5

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
model = onnxruntime.InferenceSession("digits.onnx", options, providers=["CPUExecutionProvider"])


def cape_handler(input_bytes: bytes) -> str:
    """Classify one image."""
    if len(input_bytes) != PIXELS * 4:
        raise ValueError(f"expected {PIXELS * 4} bytes, got {len(input_bytes)}")
    image = numpy.frombuffer(input_bytes, dtype="<f4").reshape(1, PIXELS)
    (probabilities,) = model.run(["probabilities"], {"image": image})
    best = probabilities[0].argsort()[::-1][:BEST]
    return json.dumps(
        [{"class": str(each), "probability": float(probabilities[0, each])} for each in best]
    )
