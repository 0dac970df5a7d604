"""Values that nothing takes are refused as the place documents it, and streams that have ended."""

import threading

import pytest

from pycape import _core, envelope, errors

KEY = _core.PrivateKey.generate("x25519")
CHUNK, SEALED_CHUNK = 16_384, 16_400


def sealer() -> _core.StreamSealer:
    return _core.StreamSealer([KEY.public_key], {}, b"", anonymous=False)


@pytest.mark.parametrize(
    "call",
    [
        lambda: _core.Account.from_seed([300] * 32),
        lambda: _core.ClientHandshake([256]),
        lambda: _core.change_recipients(b"", KEY, [], [[300] * 8], False, False),
        lambda: _core.Release({0: bytes(47)}),
        lambda: _core.Account.generate().sign_revocations(1, ["x"] * 65_537, [], 0),
    ],
)
def test_numbers_and_lists_out_of_range(call):
    with pytest.raises(ValueError, match=r"range|bytes|at most"):
        call()


@pytest.mark.parametrize("recipients", [range(2**50), "xwing", {1: 2}, None, 5])
def test_recipients_that_are_no_keys(recipients):
    with pytest.raises(TypeError):
        envelope.seal(b"x", recipients)
    with pytest.raises(TypeError):
        envelope.sealed_size(1, recipients)


def test_recipients_from_any_iterable():
    for keys in ({KEY.public_key}, iter([KEY.public_key])):
        assert envelope.open(envelope.seal(b"x", keys), KEY) == b"x"


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (_core.Manifest.verify, errors.ProtocolError),
        (_core.RevocationList.verify, errors.ProtocolError),
        (_core.verify_name_claim, errors.ProtocolError),
        (_core.verify_epoch_record, errors.ProtocolError),
        (_core.TokenClaims.read, errors.TokenInvalid),
        (_core.PublicKey.from_text, errors.KeyInvalid),
        (_core.PrivateKey.from_text, errors.KeyInvalid),
        (_core.Account.from_text, errors.KeyInvalid),
        (_core.function_id, errors.CapeError),
    ],
)
@pytest.mark.parametrize(
    "text",
    ["\ud800", "a.b.\udfff", "capepk1\ud800", "00" * 31 + "\ud800\ud800"],
    ids=["alone", "signature", "key", "checksum"],
)
def test_a_surrogate_is_one_more_foreign_character(read, error, text):
    with pytest.raises(error):
        read(text)


def test_no_id_has_a_surrogate():
    assert not _core.is_account_id("\ud800")
    assert not _core.is_function_id("\ud800" * 27)


def test_a_stream_that_has_ended():
    sealing, chunks, plaintext = sealer(), bytearray(64), bytearray(64)
    size = sealing.finish(b"hello", chunks)
    opener = _core.StreamOpener(sealing.head, KEY, b"")
    assert opener.finish(chunks[:size], plaintext) == 5
    for call in (sealing.seal, sealing.finish, opener.open, opener.finish):
        with pytest.raises(ValueError, match="ended"):
            call(b"", bytearray(64))


def test_threads_that_share_a_stream_take_turns():
    sealing, chunks = sealer(), 200
    windows = [bytearray(chunks * SEALED_CHUNK) for _ in range(4)]
    sizes = []

    def seal(window: bytearray) -> None:
        sizes.append(sealing.seal(bytes(chunks * CHUNK), window))

    threads = [threading.Thread(target=seal, args=[window]) for window in windows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sizes == [chunks * SEALED_CHUNK] * 4
    assert len({bytes(window) for window in windows}) == 4
