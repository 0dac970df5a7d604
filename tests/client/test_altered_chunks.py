"""A chunk that was altered, behind a header that opens: its number is told, and what to do."""

import base64
import io

import pytest

from pycape import Cape, envelope, errors
from pycape._envelope_streams import CHUNK, SEALED_CHUNK

from .windows import KEY, PUBLIC

pytestmark = pytest.mark.usefixtures("folder")

SIZE = 2 * CHUNK + 5
THE_KEY_IS_RIGHT = "the key is right, but these are not the bytes that were sealed: fetch it again"


def altered(chunk: int) -> bytes:
    """Return an envelope of three chunks in binary form, of which this one was altered."""
    sealed = bytearray(envelope.sealed_size(SIZE, [PUBLIC]))
    envelope.seal_into(bytes(SIZE), [PUBLIC], sealed)
    chunks_begin = len(sealed) - 3 * (SEALED_CHUNK - CHUNK) - SIZE
    sealed[chunks_begin + chunk * SEALED_CHUNK] ^= 1
    return bytes(sealed)


def as_text(binary: bytes) -> bytes:
    return b"cape:2:" + base64.urlsafe_b64encode(binary).rstrip(b"=")


def decrypted_file(sealed: bytes, folder) -> None:
    (folder / "altered").write_bytes(sealed)
    Cape().decrypt_file("altered", "opened", KEY)


def decrypted_stream(sealed: bytes, _folder) -> None:
    Cape().decrypt_stream(io.BytesIO(sealed), io.BytesIO(), KEY)


def opened(sealed: bytes, _folder) -> None:
    envelope.open(sealed, KEY)


def opened_stream(sealed: bytes, _folder) -> None:
    envelope.open_stream(io.BytesIO(sealed), io.BytesIO(), KEY)


def read(sealed: bytes, _folder) -> None:
    envelope.EnvelopeReader(io.BytesIO(sealed), KEY).read()


def assert_told(opening, sealed: bytes, folder, chunk: int) -> None:
    with pytest.raises(errors.DecryptFailed, match=f"chunk {chunk} .* was altered") as refused:
        opening(sealed, folder)
    assert refused.value.details == {"chunk": str(chunk)}
    assert refused.value.hint == THE_KEY_IS_RIGHT
    assert {path.name for path in folder.iterdir()} <= {"altered", "config"}


@pytest.mark.parametrize("chunk", [0, 1, 2])
@pytest.mark.parametrize("opening", [opened, opened_stream, read, decrypted_file, decrypted_stream])
def test_in_binary_form(folder, opening, chunk):
    assert_told(opening, altered(chunk), folder, chunk)


@pytest.mark.parametrize("chunk", [0, 1, 2])
@pytest.mark.parametrize("opening", [opened, decrypted_file, decrypted_stream])
def test_in_text_form(folder, opening, chunk):
    assert_told(opening, as_text(altered(chunk)), folder, chunk)


@pytest.mark.parametrize("opening", [opened, decrypted_file, decrypted_stream])
@pytest.mark.parametrize("form", [bytes, as_text], ids=["binary", "text"])
def test_what_does_not_open_at_all_may_be_for_another_key(folder, opening, form):
    sealed = bytearray(altered(0))
    sealed[len(sealed) - 3 * (SEALED_CHUNK - CHUNK) - SIZE - 1] ^= 1
    with pytest.raises(errors.DecryptFailed) as refused:
        opening(form(bytes(sealed)), folder)
    assert refused.value.details == {}
    assert "another key" in refused.value.hint


def test_a_peer_can_tell_of_a_chunk():
    told = errors.from_wire("DecryptFailed", "chunk 3 was altered", {"chunk": "3"})
    assert told.hint == THE_KEY_IS_RIGHT
    assert "another key" in errors.from_wire("DecryptFailed", "it does not open").hint
    assert errors.DecryptFailed("altered", hint="mine", details={"chunk": "3"}).hint == "mine"
