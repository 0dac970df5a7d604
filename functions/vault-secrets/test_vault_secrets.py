import hashlib
import hmac
import json

import pytest

from pycape.errors import FunctionError

KEY = bytes(range(40))
CONFIGURATION = json.dumps({"key_id": "k1", "signing_key": KEY.hex()}).encode()


def signature(message: bytes) -> str:
    return hmac.new(KEY, message, hashlib.sha256).hexdigest()


@pytest.fixture
def sealed(cape, function):
    return cape.encrypt(CONFIGURATION, functions=[function])


def test_messages_are_signed_with_a_key_that_nobody_sees(cape, function, sealed, another):
    """By somebody who has a token and the ciphertext, and is not who encrypted it."""
    token = cape.create_token(function, expires="1h")
    logs = []
    with another("caller").function_context(function, token) as signer:
        outputs = [signer.invoke(data, logs=logs.append) for data in (sealed, b"", b"\xff" * 1000)]
    told = [json.loads(output) for output in outputs]
    assert told == [
        {"key_id": "k1", "check": signature(b"check value")[:12]},
        {"key_id": "k1", "signature": signature(b"")},
        {"key_id": "k1", "signature": signature(b"\xff" * 1000)},
    ]
    assert not any(KEY.hex() in text for text in (*logs, *(output.decode() for output in outputs)))


def test_a_configuration_is_one_connections(cape, function, sealed):
    with cape.function_context(function, None) as signer:
        signer.invoke(sealed)
    with pytest.raises(FunctionError, match="the first input is JSON"):
        cape.run(function, None, b"a message")


def test_a_message_that_is_too_long_is_refused(cape, function, sealed):
    with cape.function_context(function, None) as signer:
        signer.invoke(sealed)
        with pytest.raises(FunctionError, match="1,048,577 bytes; 1,048,576 at most are signed"):
            signer.invoke(b"\0" * ((1 << 20) + 1))


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        (b"secret", "the first input is JSON with key_id and signing_key, in hex"),
        (b'["secret"]', "the first input is JSON"),
        (b'{"key_id": "secret"}', "the first input is JSON"),
        (b'{"key_id": "k", "signing_key": "secret"}', "the first input is JSON"),
        (b'{"key_id": "k", "signing_key": 17}', "the first input is JSON"),
        (b'{"key_id": "k", "signing_key": "00ff"}', "a signing key has 32 bytes or more"),
    ],
)
def test_what_is_no_configuration_is_refused_without_being_repeated(
    cape, function, configuration, said
):
    with pytest.raises(FunctionError, match=said) as refused:
        cape.run(function, None, cape.encrypt(configuration, functions=[function]))
    for shown in (str(refused.value), refused.value.traceback):
        assert "secret" not in shown
        assert "00ff" not in shown
