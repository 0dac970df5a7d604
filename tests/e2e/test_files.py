"""What is encrypted from file to file opens where all else does: in an enclave, or with its key."""

import asyncio
import io

import pytest

from pycape import AsyncCape, envelope, errors, keys

from .conftest import exactly


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain"
    path.write_bytes(bytes(range(256)) * 1000)
    return path


def test_an_enclave_opens_a_file_for_its_account(alice, bob, echo, plain, tmp_path):
    sealed = tmp_path / "sealed"
    alice.encrypt_file(plain, sealed)
    assert alice.run(echo, None, sealed.read_bytes()) == plain.read_bytes()
    bob.encrypt_file(plain, sealed, recipient=alice.account_id, functions=[echo])
    assert alice.run(echo, None, sealed.read_bytes()) == plain.read_bytes()


def test_an_enclave_opens_what_the_async_client_made_of_a_stream(alice, echo, tmp_path):
    async def encrypted(data: bytes) -> bytes:
        writer = io.BytesIO()
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            await cape.encrypt_stream(io.BytesIO(data), writer, kem="x25519")
            assert await cape.run(echo, None, writer.getvalue()) == data
        return writer.getvalue()

    binary = asyncio.run(encrypted(b"hello"))
    assert binary.startswith(b"CAPE\x02")
    assert alice.run(echo, None, memoryview(binary)) == b"hello"


def test_what_is_for_an_account_does_not_open_here(alice, plain, tmp_path):
    alice.encrypt_file(plain, tmp_path / "sealed")
    with exactly(errors.DecryptFailed, "not for this key") as refused:
        alice.decrypt_file(tmp_path / "sealed", tmp_path / "opened", keys.PrivateKey.generate())
    assert "enclaves only" in refused.value.hint
    assert not (tmp_path / "opened").exists()


def test_the_binary_form_of_another_account_is_refused_before_it_is_sent(alice, bob, echo):
    bob.key()
    binary = io.BytesIO()
    bob.encrypt_stream(io.BytesIO(b"x"), binary)
    token = alice.create_token(echo)
    with exactly(errors.DecryptFailed, "the input was encrypted for"):
        bob.run(echo.id, token, binary.getvalue())


@pytest.mark.parametrize("version", [1, 3, 8])
def test_a_binary_form_of_another_version_is_no_input(alice, echo, version):
    with exactly(errors.UnsupportedFormat, f"envelope version {version} is not supported"):
        alice.run(echo, None, b"CAPE" + bytes([version]) + bytes(100))


@pytest.mark.parametrize("text", [b"CAPE", b"CAPE\n", b"CAPE\tx", b"CAPE\x00", b"CAPE TOWN"])
def test_what_only_begins_as_an_envelope_does_is_an_input(alice, echo, text):
    assert alice.run(echo, None, text) == text


def test_a_binary_form_that_is_damaged_is_no_input(alice, echo):
    with exactly(errors.UnsupportedFormat):
        alice.run(echo, None, b"CAPE\x02 and what is no envelope")
    text = envelope.seal(b"x", [keys.PrivateKey.generate().public_key])
    with pytest.raises(errors.DecryptFailed):
        alice.run(echo, None, text)
