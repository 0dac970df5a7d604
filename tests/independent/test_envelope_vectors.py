"""`envelope/`: judged by the second implementation, and accounted for."""

import json

import pytest

from . import defects, envelope, version_one
from .errors import CapeError
from .keys import RSA, PrivateKey

FILES = sorted(defects.FOLDER.iterdir())
MADE = list(defects.vectors())


def test_the_files_say_what_is_made_but_for_what_is_drawn():
    made = {vector.name: without_drawn(vector.as_json()) for vector in MADE}
    assert len(made) == len(MADE)
    assert made == {path.stem: without_drawn(json.loads(path.read_text())) for path in FILES}


def without_drawn(vector):
    return {name: value for name, value in vector.items() if name not in {"text", "private_key"}}


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.name)
def test_what_is_made_anew_has_the_same_verdict(made):
    judge(made.as_json())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_second_implementation_says_what_is_written(path):
    judge(json.loads(path.read_text()))


def judge(vector):
    key, text = PrivateKey.from_text(vector["private_key"]), vector["text"].encode()
    opened = verdict(lambda: open_text(text, key))
    if vector.get("enforces_use_rules"):
        assert verdict(lambda: open_as_enclaves_do(text, key)) == vector["error"]
        assert opened == b"secret"
    elif "error" in vector:
        assert opened == vector["error"]
    else:
        assert opened.hex() == vector["plaintext"]


def open_text(text, key):
    if key.type == RSA and b":" not in text.removeprefix(b"cape:"):
        return version_one.open_(text, key)
    return envelope.open_(envelope.from_text(text), [key]).plaintext


def open_as_enclaves_do(text, key):
    opened = envelope.open_(envelope.from_text(text), [key])
    envelope.check_use_rules(opened.context)
    return opened.plaintext


def verdict(judge):
    try:
        return judge()
    except CapeError as error:
        return type(error).__name__
