import dataclasses
import json
import runpy
import subprocess
import sys

import pytest

from pycape.demo import Prediction, echo_folder, picture, predictions, train_digits
from pycape.errors import ConfigError

RUN = "import sys, app; sys.stdout.write(app.cape_handler(sys.stdin.buffer.read()))"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    pytest.importorskip("sklearn")
    pytest.importorskip("skl2onnx")
    return train_digits(tmp_path_factory.mktemp("demo") / "digits")


def run(folder, data):
    pytest.importorskip("onnxruntime")
    return subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, input=data, capture_output=True, check=False
    )


def test_the_echo_is_the_input():
    handler = runpy.run_path(str(echo_folder() / "app.py"))["cape_handler"]
    assert handler(b"hello world") == b"hello world"


def test_the_echo_needs_nothing_else(bundle):
    made = bundle(echo_folder())
    assert [entry.name for entry in made.files] == ["app.py"]
    assert made.lock is None


def test_the_classifier_is_good_on_images_that_it_never_saw(digits):
    assert (digits.trained_on, digits.held_out) == (1347, 450)
    assert digits.accuracy >= 0.97


def test_the_image_is_fixed_and_comes_out_right(digits):
    assert digits.label == "2"
    assert digits.top[0].label == "2"
    assert len(digits.image) == 256
    assert picture(digits.image, " .:+#") == (
        "    ::####      \n"
        "    ::##++##    \n"
        "      ..  ##..  \n"
        "          ##..  \n"
        "          ##..  \n"
        "        ++##    \n"
        "    ..++######  \n"
        "    ::####++##  "
    )


def test_the_five_likeliest_are_in_order(digits):
    probabilities = [each.probability for each in digits.top]
    assert len(probabilities) == 5
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0.5 < sum(probabilities) <= 1 + 1e-6


def test_training_again_gives_the_same_function(digits, tmp_path):
    again = train_digits(tmp_path)
    assert dataclasses.replace(again, folder=digits.folder) == digits
    for name in ("app.py", "digits.onnx", "requirements.txt"):
        assert (tmp_path / name).read_bytes() == (digits.folder / name).read_bytes()


def test_the_folder_holds_a_function_and_nothing_else(digits):
    names = sorted(file.name for file in digits.folder.iterdir())
    assert names == ["app.py", "digits.onnx", "requirements.txt"]
    pins = (digits.folder / "requirements.txt").read_text().splitlines()
    assert all("==" in pin for pin in pins)


def test_the_handler_agrees_with_the_reference(digits):
    done = run(digits.folder, digits.image)
    assert done.returncode == 0, done.stderr.decode()
    answer = predictions(done.stdout)
    assert [each.label for each in answer] == [each.label for each in digits.top]
    assert [each.probability for each in answer] == pytest.approx(
        [each.probability for each in digits.top], abs=1e-5
    )


def test_the_handler_refuses_another_size(digits):
    done = run(digits.folder, b"\0" * 255)
    assert b"ValueError: expected 256 bytes, got 255" in done.stderr


def test_predictions_are_read_from_the_answer():
    answer = json.dumps([{"class": "2", "probability": 0.75}]).encode()
    assert predictions(answer) == (Prediction("2", 0.75),)


def test_the_darkest_pixel_has_the_last_shade():
    pixels = b"\0\0\0\0" * 63 + b"\0\0\x80A"  # 16.0
    assert picture(pixels).splitlines()[-1] == " " * 14 + "██"


def test_without_the_libraries_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ConfigError, match=r"needs sklearn\.datasets") as caught:
        train_digits(tmp_path)
    assert caught.value.hint == "pip install 'pycape[demo]'"


def test_importing_the_demo_imports_nothing_heavy():
    program = (
        "import sys, pycape.demo\n"
        "print({'numpy', 'sklearn', 'onnx', 'skl2onnx'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
