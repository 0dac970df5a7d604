"""Keys whose path is a pipe's, as that of `<(pass show me.key)` is: what was read of it is gone."""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from pycape import envelope
from pycape.keys import PrivateKey

KEY = PrivateKey.generate("x25519")

pytestmark = pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="/dev/fd is not here")


@contextmanager
def pipe(text: str):
    """Lend the path of a pipe that holds a text once."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    try:
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


@pytest.fixture(autouse=True)
def letter(tmp_path):
    (tmp_path / "letter").write_bytes(envelope.seal(b"hello", [KEY.public_key]))


@pytest.mark.parametrize(
    ("text", "holds"),
    [(KEY.to_text(), "private key"), (KEY.public_key.to_text(), "public key")],
    ids=["private", "public"],
)
def test_a_key_is_shown(stranger, text, holds):
    with pipe(text) as path:
        data = stranger.data("keys", "show", path)
    assert (data["public_key"], data["holds"]) == (KEY.public_key.to_text(), holds)


@pytest.mark.parametrize("key", [KEY, KEY.public_key], ids=["private", "public"])
def test_a_letter_is_inspected_with_a_key(stranger, key):
    with pipe(key.to_text()) as path:
        facts = stranger.data("inspect", "letter", "-k", path)["facts"]
    assert facts["opened_by_the_key_given"] is True


def test_a_letter_is_decrypted_with_a_key(stranger):
    with pipe(KEY.to_text()) as path:
        assert stranger.ok("decrypt", "letter", "-k", path).stdout == b"hello"


def test_recipients_are_changed_with_a_key(stranger):
    other = PrivateKey.generate("x25519").public_key.to_text()
    with pipe(KEY.to_text()) as path:
        stranger.ok("recipients", "add", "letter", "-r", other, "-k", path)
