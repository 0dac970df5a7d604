"""The five scripts of the image classifier, each a process of its own, as its README has them.

And the same five as users of the first system wrote them, with its spellings and its folder, in
which the dependencies lie beside app.py.
"""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest

from .conftest import user

FUNCTION = Path(__file__).parents[2] / "functions" / "image-classification"
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.network

DEPLOY = """
import pycape
from pycape.experimental import cli

cape = pycape.Cape()
function_ref = cli.deploy("onnx_resnet_deploy")
print(function_ref.id)
"""

RUN_PREDICTION = """
import json, os
import numpy as np
from pycape import Cape

cape = Cape()
f = cape.function(os.environ["FUNCTION_ID"])
t = cape.token(os.environ["TOKEN"])
input_bytes = np.full((1, 3, 224, 224), 0.5, dtype=np.float32).tobytes()
result = cape.run(f, t, input_bytes)
for each in json.loads(result):
    print(f"{each['class']}: {each['probability'] * 100:.1f}%")
"""

RUN_ENCRYPT = RUN_PREDICTION.replace(
    "result =", "input_bytes = cape.encrypt(input_bytes)\nresult ="
)

ENCRYPT = """
from pycape import Cape

cape = Cape()
print(cape.encrypt(b"hello world").decode())
"""

ENCRYPT_FOR_USER = """
import sys
from pycape import Cape

name = sys.argv[1]
cape = Cape()
print(cape.encrypt(f"hi {name}".encode(), username=name).decode())
"""


@pytest.fixture(scope="module")
def documentation(platform, tmp_path_factory):
    """The account that the examples encrypt for."""
    with user(platform, tmp_path_factory.mktemp("capedocs")) as cape:
        cape.claim_name("capedocs")
    return cape


@pytest.fixture
def environment(platform, tmp_path, documentation):
    """What a user's shell has, who has joined the platform."""
    user(platform, tmp_path / "config")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CAPE_")}
    return {
        **clean,
        "CAPE_CONFIG_DIR": str(tmp_path / "config"),
        "PATH": f"{BIN}{os.pathsep}{clean['PATH']}",
    }


def output(command: list[str | Path], folder: Path, environment: dict[str, str]) -> list[str]:
    """Return the lines that a command writes to stdout."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def with_a_model(folder: Path) -> Path:
    """Write a small model of the same shapes into a copy of the function."""
    runpy.run_path(str(FUNCTION / "tiny_model.py"))["write_tiny_model"](folder)
    return folder


def expected(image: numpy.ndarray) -> list[str]:
    """Return the lines of the five likeliest classes by the small model's own arithmetic."""
    weights = numpy.random.default_rng(0).normal(size=(3, 1000)).astype("float32")
    powers = numpy.exp(image.reshape(3, -1).mean(axis=1) @ weights)
    probabilities = powers / powers.sum()
    best = probabilities.argsort()[::-1][:5]
    return [f"class {index}: {probabilities[index]:.1%}" for index in best]


def a_photograph(path: Path) -> numpy.ndarray:
    """Write a photograph, and return what the scripts make of it."""
    image_module = pytest.importorskip("PIL.Image")
    pixels = numpy.random.default_rng(3).integers(0, 255, size=(300, 400, 3), dtype="uint8")
    pixels[..., 1] //= 2
    image_module.fromarray(pixels).save(path)
    preprocess = runpy.run_path(str(FUNCTION / "client" / "preprocess.py"))["preprocess"]
    return numpy.frombuffer(preprocess(path), dtype="<f4")


def commands_of_the_readme() -> str:
    """Return the README's commands for the five scripts."""
    readme = (FUNCTION / "README.md").read_text("utf-8")
    return re.search(r"## Five scripts\n\n```sh\n(.*?)```", readme, re.DOTALL)[1]


def test_the_commands_of_the_readme(environment, tmp_path):
    folder = with_a_model(shutil.copytree(FUNCTION, tmp_path / "function"))
    image = a_photograph(folder / "dog.jpg")
    lines = output(["sh", "-eu", "-c", commands_of_the_readme()], folder, environment)
    assert lines[:5] == lines[5:10] == expected(image)
    assert [line[:7] for line in lines[10:]] == ["cape:2:", "cape:2:"]


def test_the_scripts_of_a_user_of_the_first_system(environment, tmp_path, platform, documentation):
    folder = tmp_path / "onnx_resnet_deploy"
    folder.mkdir()
    shutil.copy(FUNCTION / "app.py", with_a_model(folder))
    vendored = ["uv", "pip", "install", "--quiet", "--target", folder, "onnxruntime"]
    output([*vendored, "--python", sys.executable], tmp_path, environment)

    def script(text: str, *arguments: str, **more: str) -> list[str]:
        command = [sys.executable, "-W", "error", "-c", text, *arguments]
        return output(command, tmp_path, {**environment, **more})

    [function_id] = script(DEPLOY)
    create = ["cape", "token", "create", "--name", "resnet", "--function", function_id]
    [token] = output(create, tmp_path, environment)
    named = {"TOKEN": token, "FUNCTION_ID": function_id}
    predictions = script(RUN_PREDICTION, **named)
    assert predictions == expected(numpy.full(3 * 224 * 224, 0.5, dtype="float32"))
    assert script(RUN_ENCRYPT, **named) == predictions

    [ciphertext] = script(ENCRYPT)
    with user(platform, tmp_path / "config") as cape:
        echo = cape.deploy(FUNCTION.parent / "echo")
        assert cape.run(echo, None, ciphertext.encode()) == b"hello world"
    [ciphertext] = script(ENCRYPT_FOR_USER, "capedocs")
    echo = documentation.deploy(FUNCTION.parent / "echo")
    assert documentation.run(echo, None, ciphertext.encode()) == b"hi capedocs"
