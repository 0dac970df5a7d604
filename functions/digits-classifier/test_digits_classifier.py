import io
import json

import pytest
from PIL import Image

pytest.importorskip("sklearn")
pytest.importorskip("skl2onnx")

pytestmark = pytest.mark.network


def test_digits_that_the_model_never_saw_are_read(run, folder):
    for digit in range(10):
        answer = json.loads(run((folder / "samples" / f"{digit}.png").read_bytes()))
        assert answer["digit"] == digit
        likely = [answer["probability"], *(probability for _, probability in answer["others"])]
        assert len(likely) == 4
        assert likely == sorted(likely, reverse=True)
        assert 0.9 < sum(likely) <= 1.001


def test_size_and_kind_of_the_image_do_not_matter(run, folder):
    image = Image.open(folder / "samples" / "3.png").resize((500, 500))
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG")
    assert json.loads(run(file.getvalue()))["digit"] == 3


def test_what_is_no_such_image_is_refused(refusal, folder):
    file = (folder / "samples" / "3.png").read_bytes()
    assert refusal(b"3") == "ValueError: the file is no PNG or JPEG"
    assert refusal(file[:100]).startswith("ValueError: the image is damaged: ")
    assert "at most are read" in refusal(b"\0" * ((1 << 20) + 1))
    small = io.BytesIO()
    Image.new("L", (7, 8)).save(small, "PNG")
    assert refusal(small.getvalue()) == (
        "ValueError: the image has 7 x 8 pixels; 8 x 8 at least, 4,000,000 at most are read"
    )
