"""cape demo: the whole way, and what it says when something on it does not hold."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.processes import descendants, is_running, wait_until

from pycape import errors
from pycape._evidence import Check
from pycape.demo import Digits, Prediction

CAPE = str(Path(sys.executable).with_name("cape"))

# What a classifier without dependencies says of any image.
APP = """
import json

def cape_handler(image):
    classes = [{"class": str(digit), "probability": 0.2} for digit in (3, 1, 4, 5, 9)]
    return json.dumps(classes)
"""


@pytest.fixture
def image_of(monkeypatch):
    """Put a classifier that needs no network in the place of the trained one."""

    def put(label: str) -> None:
        def train(folder: Path) -> Digits:
            folder.mkdir()
            (folder / "app.py").write_text(APP)
            top = tuple(Prediction(digit, 0.2) for digit in "31459")
            return Digits(folder, 1347, 450, 0.98, bytes(256), label, top)

        monkeypatch.setattr("pycape.demo._proof.train_digits", train)

    return put


@pytest.fixture(autouse=True)
def _own_temporary_folder(monkeypatch, tmp_path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield
    assert list(folder.iterdir()) == [], "the demo leaves nothing behind"


def test_every_check_is_shown(stranger, image_of):
    image_of("3")
    outcome = stranger.ok("demo")
    assert "first proof: a genuine enclave, running approved code" in outcome.text
    assert "the real job: an image of a 3 that the model never saw" in outcome.text
    assert "  3   20.00%" in outcome.text
    assert outcome.text.splitlines()[-1].startswith("proven: 13 checks held, the class is right;")
    assert outcome.text.count("\n  held  ") == 13
    assert max(map(len, outcome.text.splitlines())) <= 80
    assert re.search(r"^  start a platform on this machine +\d+\.\d{3} s$", outcome.stderr, re.M)
    assert not stranger.config.exists(), "it has folders of its own"


def test_one_object_for_programs(stranger, image_of):
    image_of("3")
    data = stranger.data("demo")
    assert data["ok"] is True
    assert all(check["held"] for check in data["checks"])
    assert [each["label"] for each in data["top"]] == ["3", "1", "4", "5", "9"]
    assert data["functions"].keys() == {"echo", "digits"}
    assert all(step["seconds"] > 0 for step in data["steps"])
    assert data["platform"] is None


def test_only_identifiers_with_q(stranger, image_of):
    image_of("3")
    outcome = stranger.ok("demo", "-q")
    assert len(outcome.text.splitlines()) == 2
    assert outcome.stderr == ""


def test_another_class_is_no_proof(stranger, image_of):
    image_of("7")
    error = stranger.error("demo")
    assert (error["status"], error["code"]) == (1, "CAPE-CLI-007")
    assert error["message"] == "not proven: the image shows 7, the enclave says 3"
    assert error["data"]["ok"] is False
    assert all(check["held"] for check in error["data"]["checks"])


def test_a_check_that_does_not_hold_is_no_proof(stranger, image_of, monkeypatch):
    image_of("3")
    checks = [Check("age", False, "an hour"), Check("nonce", None, "any taken")]
    monkeypatch.setattr("pycape._evidence.checks", lambda *_, **__: checks)
    error = stranger.error("demo")
    assert (error["status"], error["code"]) == (1, "CAPE-CLI-007")
    assert error["message"] == "not proven: age; nonce"


def test_what_was_found_before_it_failed_is_told(stranger, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    error = stranger.error("demo")
    assert (error["status"], error["code"]) == (78, errors.ConfigError.code)
    assert error["hint"] == "pip install 'pycape[demo]'"
    assert error["data"]["functions"].keys() == {"echo"}
    assert len(error["data"]["checks"]) == 11
    assert "first proof: a genuine enclave" in stranger("demo").text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_halfway(number):
    process = subprocess.Popen(
        [CAPE, "demo"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr.readline().startswith("  start a platform on this machine")
    below = descendants(process.pid)
    assert below
    process.send_signal(number)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert told.endswith("cape: error: interrupted\n")
    wait_until(lambda: not any(map(is_running, below)))


def test_stopped_while_it_trains(stranger, monkeypatch):
    """scikit-learn takes Ctrl-C for the wish to train no further."""

    def press(*_):
        raise KeyboardInterrupt

    network = pytest.importorskip("sklearn.neural_network").MLPClassifier
    monkeypatch.setattr(network, "_update_no_improvement_count", press)
    outcome = stranger("demo")
    assert outcome.status == 130
    assert outcome.stderr.endswith("cape: error: interrupted\n")


def test_stopped_halfway_programs_get_an_object():
    process = subprocess.Popen(
        [CAPE, "demo", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: descendants(process.pid))
    process.send_signal(signal.SIGTERM)
    printed, told = process.communicate(timeout=60)
    assert (process.returncode, told.strip()) == (130, "")
    assert json.loads(printed)["error"]["code"] == "CAPE-CLI-005"


@pytest.mark.network
def test_keep_leaves_a_platform_to_use():
    process = subprocess.Popen(
        [CAPE, "demo", "--keep"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        shown = iter(process.stdout.readline, "")
        for line in shown:
            if line.startswith("the platform goes on until Ctrl-C"):
                break
        next(shown)
        commands = [next(shown).strip() for _ in range(4)]
        below = descendants(process.pid)
        used = subprocess.run(
            ["sh", "-ec", "\n".join(commands)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=os.environ | {"PATH": f"{Path(CAPE).parent}:{os.environ['PATH']}"},
        )
        assert used.returncode == 0, used.stderr
        assert "digits (version 1)" in used.stdout
        assert "hello world" in used.stdout
        assert "a genuine enclave, running approved code" in used.stdout
    finally:
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.stdout.close()
    assert process.wait(timeout=60) == 0
    wait_until(lambda: not any(map(is_running, below)))
    [_, folder] = shlex.split(commands[0])[1].split("=")
    home = Path(folder).parent
    assert (home / "data").is_dir(), "with --keep its state stays"
    subprocess.run(["rm", "-r", home], check=True)


def test_the_checks_of_ci_can_fail(tmp_path, stranger, image_of):
    image_of("3")
    told = stranger.ok("demo", "--json").json
    check = Path(__file__).parents[2] / ".ci" / "check_demo.py"

    def judged(change=lambda _: None) -> int:
        changed = json.loads(json.dumps(told))
        change(changed["data"])
        file = tmp_path / "demo.json"
        file.write_text(json.dumps(changed))
        process = subprocess.run([sys.executable, check, file], capture_output=True, check=False)
        return process.returncode

    assert judged() == 0
    assert judged(lambda data: data.update(ok=False)) == 1
    assert judged(lambda data: data["checks"][0].update(held=False)) == 1
    assert judged(lambda data: data["checks"].pop(1)) == 1
    assert judged(lambda data: data["top"][0].update(label="8")) == 1
    assert judged(lambda data: data["top"].pop()) == 1
    assert judged(lambda data: data["steps"].clear()) == 1
