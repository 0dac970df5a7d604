"""Version 1: what pycape 3.1.1 encrypts opens here, and the other way by its algorithm."""

import base64
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256

from pycape import envelope, errors
from pycape.keys import PrivateKey, PublicKey

MADE = rsa.generate_private_key(65_537, 4096)
PKCS8 = MADE.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())
SPKI = MADE.public_key().public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo)
KEY, PUBLIC = PrivateKey.from_raw("rsa", PKCS8), PublicKey.from_raw("rsa", SPKI)
MODULUS = 512
SIZES = [0, 1, 5, 16_384, 100_001]


@pytest.fixture(scope="session")
def cape_encrypt(tmp_path_factory):
    """The module of pycape 3.1.1 that encrypts, from the package index into a folder of its own."""
    folder = tmp_path_factory.mktemp("first-system")
    requirements = Path(__file__).with_name("first_system.txt")
    install = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
    where = ["--require-hashes", "--target", str(folder), "--requirement", str(requirements)]
    run = subprocess.run([*install, *where], capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.skip(f"pycape 3.1.1 cannot be installed: {run.stderr.strip()}")
    path = folder / "pycape" / "cape_encrypt.py"
    spec = importlib.util.spec_from_file_location("first_system_cape_encrypt", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.network
@pytest.mark.parametrize("size", SIZES)
def test_what_pycape_3_1_1_encrypted_opens(cape_encrypt, size):
    # Its `Cape.encrypt` puts these together.
    text = b"cape:" + base64.b64encode(cape_encrypt.encrypt(b"x" * size, SPKI))
    assert envelope.open(text, KEY) == b"x" * size
    header = envelope.inspect(text)
    assert (header.version, header.suite) == (1, "AES-256-GCM")
    assert header.size == MODULUS + 12 + size + 16


@pytest.mark.parametrize("size", SIZES)
def test_what_is_sealed_on_request_is_what_the_first_system_reads(size):
    text = envelope.seal(b"x" * size, [PUBLIC], format="v1")
    assert text.startswith(b"cape:")
    assert text.count(b":") == 1
    binary = base64.b64decode(text.removeprefix(b"cape:"), validate=True)
    oaep = padding.OAEP(padding.MGF1(SHA256()), SHA256(), label=None)
    key = MADE.decrypt(binary[:MODULUS], oaep)
    nonce, sealed = binary[MODULUS : MODULUS + 12], binary[MODULUS + 12 :]
    assert AESGCM(key).decrypt(nonce, sealed, None) == b"x" * size
    assert envelope.open(text, KEY) == b"x" * size


def test_what_it_tells_in_the_clear():
    header = envelope.inspect(envelope.seal(b"x", [PUBLIC], format="v1"))
    assert (header.header_size, header.plaintext_size, header.context) == (None, None, {})
    [stanza] = header.recipients
    assert (stanza.kind, stanza.key_id) == ("rsa", bytes(8))
    assert (
        repr(header)
        == f"<EnvelopeHeader version=1 AES-256-GCM recipients=1 {header.size} bytes sealed>"
    )


@pytest.mark.parametrize(
    "options",
    [{"context": {"a": "b"}}, {"aad": b"x"}, {"anonymous": True}, {"recipients": [PUBLIC] * 2}],
    ids=lambda options: next(iter(options)),
)
def test_what_version_1_does_not_have(options):
    with pytest.raises(ValueError, match="version 1"):
        envelope.seal(b"x", **{"recipients": [PUBLIC], "format": "v1", **options})


def test_another_format_or_key():
    with pytest.raises(ValueError, match="v3"):
        envelope.seal(b"x", [PUBLIC], format="v3")
    other = PrivateKey.generate("x25519")
    with pytest.raises(errors.KeyInvalid, match="RSA"):
        envelope.seal(b"x", [other.public_key], format="v1")
    text = envelope.seal(b"x", [PUBLIC], format="v1")
    with pytest.raises(errors.UnsupportedFormat, match="RSA"):
        envelope.open(text, other)
    with pytest.raises(errors.DecryptFailed):
        envelope.open(text, KEY, aad=b"x")
    second = rsa.generate_private_key(65_537, 2048)
    pkcs8 = second.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())
    with pytest.raises(errors.DecryptFailed):
        envelope.open(text, PrivateKey.from_raw("rsa", pkcs8))
