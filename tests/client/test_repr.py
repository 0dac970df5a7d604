"""What is shown of things: enough to know them by, and no secret."""

import base64
import pickle

import pytest

from pycape import AsyncCape, Cape, Result, Timing, Token, _core, attestation, envelope
from pycape._clock import now_ms
from pycape.keys import PrivateKey

from .doubles import URL

ACCOUNT = _core.Account.generate()
TOKEN = ACCOUNT.sign_token("ab" * 32, 60, None, now_ms())


@pytest.mark.parametrize("kind", [Cape, AsyncCape])
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, f" {URL}>"),
        (None, " without a platform>"),
        ("http://user:secret@127.0.0.1:1", "misconfigured: the platform's address (argument)"),
        ("http://127.0.0.1:1/?secret", "misconfigured: the platform's address (argument)"),
        ("a\nb", r"misconfigured: the platform's address (argument): 'a\nb' is no address"),
    ],
)
def test_a_client_shows_its_platform(kind, url, shown):
    text = repr(kind(url))
    assert text.startswith(f"<{kind.__name__} ")
    assert shown in text
    assert "secret" not in text
    assert "\n" not in text


@pytest.mark.parametrize("kind", ["x25519", "xwing"])
def test_a_private_key_shows_its_fingerprint(kind):
    key = PrivateKey.generate(kind)
    for text in (repr(key), str(key), f"{key}", repr([key]), repr({"key": key})):
        assert key.public_key.fingerprint in text
        assert key.to_text() not in text
        assert key.to_raw().hex() not in text
        assert base64.b64encode(key.to_raw()).decode() not in text
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(key)


def test_an_envelope_shows_its_form_and_recipients():
    key = PrivateKey.generate("x25519").public_key
    header = envelope.inspect(envelope.seal(b"secret", [key]))
    assert repr(header) == "<EnvelopeHeader version=2 AES-256-GCM recipients=1 6 bytes>"
    [stanza] = header.recipients
    assert repr(stanza) == f"<Stanza x25519 key_id={stanza.key_id.hex()}>"


def test_a_chain_cache_shows_how_much_it_remembers():
    assert repr(attestation.ChainCache()) == "<ChainCache of 0 certificates>"


def test_an_account_shows_its_id():
    assert ACCOUNT.id in repr(ACCOUNT)
    assert ACCOUNT.to_text() not in repr(ACCOUNT)
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(ACCOUNT)


def test_a_token_shows_nothing_of_its_text():
    for text in (TOKEN, TOKEN[-6:], "q"):
        assert repr(Token(text)) == "Token(...)"
    assert TOKEN.rpartition(".")[2] not in repr(Token(TOKEN).inspect())


def test_a_result_shows_no_output():
    assert "secret" not in repr(Result(b"a secret", "ab" * 32, Timing(), {}, None, None))
