import json
import runpy
from pathlib import Path

import pytest

numpy = pytest.importorskip("numpy")
pytest.importorskip("onnx")

pytestmark = pytest.mark.network

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def folder(gallery):
    """The function with a small model of the same shapes."""
    folder = gallery / HERE.name
    runpy.run_path(str(folder / "tiny_model.py"))["write_tiny_model"](folder)
    return folder


def expected(image):
    weights = numpy.random.default_rng(0).normal(size=(3, 1000)).astype("float32")
    powers = numpy.exp(image.mean(axis=(2, 3)) @ weights)[0]
    return powers / powers.sum()


def test_the_answer_is_the_five_likeliest_classes(run):
    image = numpy.random.default_rng(1).normal(size=(1, 3, 224, 224)).astype("<f4") + 2
    answer = json.loads(run(image.tobytes()))
    probabilities = expected(image)
    best = probabilities.argsort()[::-1][:5]
    assert [each["class"] for each in answer] == [f"class {index}" for index in best]
    assert [each["probability"] for each in answer] == pytest.approx(
        probabilities[best].tolist(), rel=1e-4
    )


def test_an_input_of_another_size_is_refused(refusal):
    assert refusal(b"\0" * 12) == "ValueError: expected 602,112 bytes, got 12"


def test_a_photograph_is_cropped_and_normalised(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    photograph = tmp_path / "photograph.png"
    picture = numpy.zeros((300, 600, 3), dtype="uint8")
    picture[:, 200:400] = (255, 128, 0)
    image_module.fromarray(picture).save(photograph)
    preprocess = runpy.run_path(str(HERE / "client" / "preprocess.py"))["preprocess"]

    planes = numpy.frombuffer(preprocess(photograph), dtype="<f4").reshape(3, 224, 224)

    centre = [(1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (0 - 0.406) / 0.225]
    assert planes[:, 112, 112].tolist() == pytest.approx(centre, rel=1e-5)
    black = [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    assert planes[:, 112, 0].tolist() == pytest.approx(black, rel=1e-5)
