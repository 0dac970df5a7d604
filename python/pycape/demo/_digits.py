"""The real job of the demo: train a classifier, and write it as a function's folder.

The images are scikit-learn's digits: 1,797 scans of 8 x 8 pixels from the UCI test set of
handwritten digits. A quarter is held out; the demo's image is the first of those.
"""

from __future__ import annotations

import json
import shutil
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycape.errors import ConfigError

_FUNCTION = Path(__file__).parent / "_functions" / "digits"
_SIDE = 8
_INK = 16.0
_BEST = 5
_HELD_OUT = 0.25
_SEED = 0


@dataclass(frozen=True)
class Prediction:
    """A class of the model, and its probability from 0 to 1."""

    label: str
    probability: float


@dataclass(frozen=True)
class Digits:
    """A trained classifier in its function's folder, and an image that it never saw.

    `accuracy` is the share of the `held_out` images that the exported model recognises.
    `image` is the function's input (256 bytes, see digits/app.py), `label` the digit that
    it shows, `top` what the model says of it on this machine: five classes, best first.
    """

    folder: Path
    trained_on: int
    held_out: int
    accuracy: float
    image: bytes
    label: str
    top: tuple[Prediction, ...]


def train_digits(folder: Path) -> Digits:
    """Train on real digits, and make `folder` a function of the result.

    Takes about a second, besides importing scikit-learn and skl2onnx. One machine makes
    the same model each time. Raises ConfigError if they are not installed.
    """
    images, labels, held_images, held_labels = _data()
    model = _exported(_trained(images, labels))
    probabilities = _evaluated(model, held_images)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_FUNCTION, folder, ignore=ignored, dirs_exist_ok=True)
    (folder / "digits.onnx").write_bytes(model)
    return Digits(
        folder=folder,
        trained_on=len(images),
        held_out=len(held_images),
        accuracy=float((probabilities.argmax(axis=1) == held_labels).mean()),
        image=held_images[0].astype("<f4").tobytes(),
        label=str(held_labels[0]),
        top=_top(probabilities[0]),
    )


def predictions(answer: bytes) -> tuple[Prediction, ...]:
    """Read the function's answer."""
    return tuple(Prediction(each["class"], each["probability"]) for each in json.loads(answer))


def picture(image: bytes, shades: str = " ░▒▓█") -> str:
    """Draw an image (the function's input) in text: 8 lines of 16 characters.

    `shades` go from paper to ink, so ".:+#" and the like draw it in ASCII.
    """
    pixels = struct.unpack(f"<{_SIDE * _SIDE}f", image)
    rows = (pixels[start : start + _SIDE] for start in range(0, len(pixels), _SIDE))
    return "\n".join("".join(2 * _shade(pixel, shades) for pixel in row) for row in rows)


def _shade(pixel: float, shades: str) -> str:
    return shades[min(int(pixel / _INK * len(shades)), len(shades) - 1)]


def _data() -> tuple[Any, Any, Any, Any]:
    """Return images and labels to train on, then those held out: (n, 64) float32, (n,) int."""
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415 - takes seconds
        from sklearn.model_selection import train_test_split  # noqa: PLC0415
    except ImportError as error:
        raise _missing(error) from error
    images, labels = load_digits(return_X_y=True)
    images, held_images, labels, held_labels = train_test_split(
        images.astype("float32"),
        labels,
        test_size=_HELD_OUT,
        random_state=_SEED,
        stratify=labels,
    )
    return images, labels, held_images, held_labels


def _trained(images: Any, labels: Any) -> Any:
    """Fit a network of one hidden layer; about 98 % of the held-out images come out right."""
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import MinMaxScaler  # noqa: PLC0415

    network = MLPClassifier(hidden_layer_sizes=(128,), max_iter=100, random_state=_SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 100 passes are meant, not convergence
        # What scikit-learn makes of Ctrl-C, to go on with a network that is half trained.
        warnings.filterwarnings("error", "Training interrupted by user")
        try:
            return make_pipeline(MinMaxScaler(), network).fit(images, labels)
        except UserWarning as warning:
            raise KeyboardInterrupt from warning


def _exported(model: Any) -> bytes:
    """Write the model as ONNX, with "image" (n, 64) in and "probabilities" (n, 10) out."""
    try:
        from skl2onnx import to_onnx  # noqa: PLC0415
        from skl2onnx.common.data_types import FloatTensorType  # noqa: PLC0415
    except ImportError as error:
        raise _missing(error) from error
    exported = to_onnx(
        model,
        initial_types=[("image", FloatTensorType([None, _SIDE * _SIDE]))],
        options={"zipmap": False},
        name="digits",  # the default is random
        target_opset={"": 18, "ai.onnx.ml": 3},
    )
    return bytes(exported.SerializeToString())


def _evaluated(model: bytes, images: Any) -> Any:
    """Run the exported model by ONNX's reference, which is not what the enclave runs."""
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415

    (probabilities,) = ReferenceEvaluator(model).run(["probabilities"], {"image": images})
    return probabilities


def _top(probabilities: Any) -> tuple[Prediction, ...]:
    best = probabilities.argsort()[::-1][:_BEST]
    return tuple(Prediction(str(each), float(probabilities[each])) for each in best)


def _missing(error: ImportError) -> ConfigError:
    return ConfigError(
        f"the demo's classifier needs {error.name}, which is not installed",
        hint="pip install 'pycape[demo]'",
    )
