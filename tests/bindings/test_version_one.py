"""Version 1: what pycape 3.1.1 encrypts opens here, and the other way by its algorithm."""

import base64
import json
import os
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


HERE = Path(__file__).parent
LOCKED = HERE.parents[1] / "requirements" / "benches.txt"


@pytest.fixture(scope="session")
def first_system(tmp_path_factory):
    """What pycape 3.1.1 encrypted, by size: in an environment of its own, by its own code."""
    folder = tmp_path_factory.mktemp("first-system")
    python = folder / "bin" / "python"
    uv = [str(Path(sys.executable).with_name("uv"))]
    requirements = ["--require-hashes", "--requirement", str(HERE / "first_system.txt")]
    install = ["pip", "install", "--quiet", *requirements, "--constraint", str(LOCKED)]
    try:
        run_clean([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
        run_clean([*uv, *install, "--python", str(python)])
    except subprocess.CalledProcessError as error:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"pycape 3.1.1 cannot be installed: {error.stderr.strip()}")
    asked = json.dumps({"key": SPKI.hex(), "sizes": SIZES})
    answer = json.loads(run_clean([str(python), str(HERE / "encrypt_with_first_system.py")], asked))
    assert answer["version"] == "3.1.1"
    return dict(zip(SIZES, answer["texts"], strict=True))


def run_clean(line: list[str], stdin: str = "") -> str:
    """Run a program to which nothing tells where this checkout or its environment is."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    }
    run = subprocess.run(
        line, input=stdin, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout


@pytest.mark.network
@pytest.mark.parametrize("size", SIZES)
def test_what_pycape_3_1_1_encrypted_opens(first_system, size):
    text = first_system[size].encode()
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
