"""The functions that `cape demo` deploys: an echo, and a classifier of handwritten digits."""

from pycape.demo._digits import Digits, Prediction, picture, predictions, train_digits
from pycape.demo._echo import echo_folder

__all__ = [
    "Digits",
    "Prediction",
    "echo_folder",
    "picture",
    "predictions",
    "train_digits",
]
