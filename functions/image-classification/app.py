"""Classify a photograph.

Input: float32, little-endian, of shape 1 x 3 x 224 x 224: RGB planes of an image that
client/preprocess.py has prepared. Output: JSON, the five likeliest classes, likeliest
first: [{"class": "golden retriever", "probability": 0.397}, ...].
"""

import json
from pathlib import Path

import numpy
import onnxruntime

SHAPE = (1, 3, 224, 224)
SIZE = 4 * 3 * 224 * 224
BEST = 5

model = onnxruntime.InferenceSession("onnx_model/resnet50.onnx", providers=["CPUExecutionProvider"])
classes = Path("imagenet_classes.txt").read_text(encoding="utf-8").splitlines()


def cape_handler(input_bytes: bytes) -> str:
    if len(input_bytes) != SIZE:
        raise ValueError(f"expected {SIZE:,} bytes, got {len(input_bytes):,}")
    image = numpy.frombuffer(input_bytes, dtype="<f4").reshape(SHAPE)
    (scores,) = model.run(None, {model.get_inputs()[0].name: image})
    probabilities = softmax(scores.reshape(len(classes)))
    best = probabilities.argsort()[::-1][:BEST]
    return json.dumps(
        [{"class": classes[each], "probability": float(probabilities[each])} for each in best]
    )


def softmax(scores: numpy.ndarray) -> numpy.ndarray:
    powers = numpy.exp(scores - scores.max())
    return powers / powers.sum()
