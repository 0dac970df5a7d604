"""Keys in every form that people have them in, and what is said of those that are none."""

import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from pycape import Cape, _core, envelope, errors
from pycape._key_reader import is_key, read_key, read_private_key, read_public_key
from pycape.keys import PrivateKey, PublicKey, load_private_key

MADE = rsa.generate_private_key(65_537, 2048)
PEM, DER = s.Encoding.PEM, s.Encoding.DER
PKCS8, PKCS1 = s.PrivateFormat.PKCS8, s.PrivateFormat.TraditionalOpenSSL
SPKI = s.PublicFormat.SubjectPublicKeyInfo
CLEAR, PASSWORD = s.NoEncryption(), s.BestAvailableEncryption(b"password")
PUBLIC = PublicKey.from_raw("rsa", MADE.public_key().public_bytes(DER, SPKI))
PUBLIC_PEM = MADE.public_key().public_bytes(PEM, SPKI)
OWN = PrivateKey.generate("x25519")


@pytest.mark.parametrize("encoding", [PEM, DER])
def test_rsa_keys_are_read_in_pem_and_in_der(encoding, tmp_path):
    private, public = MADE.private_bytes(encoding, PKCS8, CLEAR), PUBLIC_PEM
    if encoding is DER:
        public = MADE.public_key().public_bytes(DER, SPKI)
    assert read_private_key(private, "it").public_key == PUBLIC
    assert read_public_key(public, "it") == PUBLIC
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_bytes(private)
    assert load_private_key(path).public_key == PUBLIC


@pytest.mark.parametrize("around", [b"%s", b"\n %s\r\n"])
def test_keys_in_text_are_read_with_white_space_around_them(around):
    assert read_key(around % OWN.to_text().encode(), "it").public_key == OWN.public_key
    assert read_key(around % OWN.public_key.to_text().encode(), "it") == OWN.public_key
    assert read_key(around % PUBLIC_PEM, "it") == PUBLIC
    crlf = PUBLIC_PEM.replace(b"\n", b"\r\n")
    assert read_key(around % crlf, "it") == PUBLIC


TO_PKCS8 = "openssl pkcs8 -topk8 -nocrypt -in"


@pytest.mark.parametrize(
    ("data", "called", "hint"),
    [
        (MADE.private_bytes(PEM, PKCS1, CLEAR), "RSA private key in the older form", TO_PKCS8),
        (MADE.private_bytes(DER, PKCS1, CLEAR), "RSA private key in the older form", TO_PKCS8),
        (MADE.private_bytes(PEM, PKCS1, PASSWORD), "RSA private key in the older", TO_PKCS8),
        (MADE.private_bytes(PEM, PKCS8, PASSWORD), "a private key under a password", TO_PKCS8),
        (MADE.private_bytes(DER, PKCS8, PASSWORD), "a private key under a password", TO_PKCS8),
        (
            MADE.public_key().public_bytes(PEM, s.PublicFormat.PKCS1),
            "RSA public key in the older form",
            "openssl rsa -RSAPublicKey_in -in",
        ),
        (
            MADE.public_key().public_bytes(DER, s.PublicFormat.PKCS1),
            "RSA public key in the older form",
            "openssl rsa -RSAPublicKey_in -in",
        ),
        (
            ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS1, CLEAR),
            "EC PRIVATE KEY in PEM, which is not supported",
            "capesk1",
        ),
        (
            ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS8, CLEAR),
            "not a valid rsa key",
            "capesk1",
        ),
        (b"capeaccountsk1xyz", "an account's key", "capesk1"),
        (PUBLIC_PEM + PUBLIC_PEM, "not one key", "capesk1"),
        (PUBLIC_PEM[:-2], "not one key", "capesk1"),
        (PUBLIC_PEM.replace(b"-----END", b"=AAA\n-----END"), "PEM is damaged", "capesk1"),
        (b"-----BEGIN", "this is no key", "capesk1"),
        (b"\xff\x00", "this is no key", "capesk1"),
        (b"0\x82", "this is no key", "capesk1"),
        (b" \n", "there is no key in it", "capesk1"),
    ],
)
def test_what_is_no_key_is_named_with_what_makes_one_of_it(data, called, hint):
    for read in (read_key, read_private_key, read_public_key):
        with pytest.raises(errors.KeyInvalid, match=f"^the file: .*{called}") as raised:
            read(data, "the file")
        assert hint in raised.value.hint


@pytest.mark.parametrize("around", [b"%s", b"\n %s\r\n"])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (OWN.to_text().encode(), True),
        (OWN.public_key.to_text().encode(), True),
        (PUBLIC_PEM, True),
        (b"capesk1 and nothing that follows", True),
        (b"-----BEGIN CERTIFICATE-----", True),
        (_core.Account.generate().to_text().encode(), False),
        (_core.Account.generate().id.encode(), False),
        (b"capeaccountsk1", False),
        (b"hello", False),
        (b"", False),
    ],
)
def test_what_begins_as_a_key_does_and_an_accounts_key_is_none(data, expected, around):
    assert is_key(around % data) is expected


@pytest.mark.parametrize("form", [PKCS8, PKCS1])
def test_der_begins_as_a_key_does_without_white_space_before_it(form):
    der = MADE.private_bytes(DER, form, CLEAR)
    assert is_key(der)
    assert not is_key(b"\n" + der)


def test_keys_of_the_other_kind_are_named():
    with pytest.raises(errors.KeyInvalid, match="this is a public key") as raised:
        read_private_key(PUBLIC_PEM, "it")
    assert "cape keys generate" in raised.value.hint
    with pytest.raises(errors.KeyInvalid, match="this is a private key") as raised:
        read_public_key(OWN.to_text().encode(), "it")
    assert "cape keys show" in raised.value.hint


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL is not here")
def test_the_line_of_openssl_makes_a_key_that_is_read(tmp_path):
    for form, password in ((PKCS1, CLEAR), (PKCS8, PASSWORD), (PKCS1, PASSWORD)):
        (tmp_path / "old").write_bytes(MADE.private_bytes(PEM, form, password))
        line = ["openssl", "pkcs8", "-topk8", "-nocrypt", "-in", "old", "-out", "new"]
        subprocess.run([*line, "-passin", "pass:password"], cwd=tmp_path, check=True)
        assert load_private_key(tmp_path / "new").public_key == PUBLIC


# What the client takes


@pytest.mark.parametrize(
    "key", [PUBLIC_PEM, PUBLIC_PEM.decode(), MADE.public_key().public_bytes(DER, SPKI)]
)
def test_encrypting_for_an_rsa_key_as_the_first_systems_users_have_it(key, tmp_path):
    path = tmp_path / "key"
    path.write_bytes(key.encode() if isinstance(key, str) else key)
    private = PrivateKey.from_raw("rsa", MADE.private_bytes(DER, PKCS8, CLEAR))
    cape = Cape(config_dir=tmp_path)
    for named in ({"key": key}, {"key_path": path}, {"recipient": PUBLIC_PEM.decode()}):
        for version in ("v1", "v2"):
            text = cape.encrypt(b"secret", **named, format=version)
            assert envelope.open(text, private) == b"secret"


@pytest.mark.parametrize("options", [{}, {"username": "alice"}, {"recipient": ["alice", PUBLIC]}])
def test_version_1_without_an_rsa_key_is_an_error_of_its_own(options, tmp_path):
    with pytest.raises(ValueError, match="version 1 is for one RSA key"):
        Cape(config_dir=tmp_path).encrypt(b"x", **options, format="v1")
