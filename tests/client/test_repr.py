"""What is shown of things: enough to know them by, and no secret."""

import base64
import inspect
import io
import pickle
from typing import Protocol

import pytest
from test_exported_members import MODULES

from pycape import AsyncCape, Cape, Result, Timing, Token, _core, attestation, envelope, testing
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


def test_every_public_class_says_what_it_is():
    """Protocols have none to give: who writes a class that is like one does."""
    silent = {
        f"{module.__name__}.{name}"
        for module in MODULES
        for name in module.__all__
        if inspect.isclass(kind := getattr(module, name))
        if kind.__repr__ in (object.__repr__, io.RawIOBase.__repr__)
        and Protocol not in kind.__bases__
    }
    assert silent == set()


def test_what_is_given_by_calls_shows_its_state(tmp_path):
    (tmp_path / "app.py").write_text("def cape_handler(data): return data")
    with testing.Enclave() as enclave, enclave.client() as cape:
        assert (
            repr(enclave)
            == f"<Enclave in memory, pcr0={enclave.policy.releases[0].pcrs[0][:4].hex()}...>"
        )
        function = cape.deploy(tmp_path, name="echo")
        with cape.function_context(function, None) as context:
            assert repr(context) == f"<FunctionContext of echo ({function.id}), open>"
            stream = context.stream(b"secret")
            assert repr(stream) == "<OutputStream not at its end>"
            assert [*stream] == [b"secret"]
            assert repr(stream) == "<OutputStream at its end>"
        assert repr(context) == f"<FunctionContext of echo ({function.id}), ended>"


def test_an_envelope_reader_shows_how_far_it_is():
    key, sealed = PrivateKey.generate("x25519"), io.BytesIO()
    envelope.seal_stream(io.BytesIO(bytes(5000)), sealed, [key.public_key])
    reader = envelope.EnvelopeReader(sealed, key)
    reader.seek(1024)
    assert repr(reader) == "<EnvelopeReader of 5,000 bytes, at 1,024>"
    reader.close()
    assert repr(reader) == "<EnvelopeReader of 5,000 bytes, closed>"
