"""RSA keys of the first system's users: named on the line, in files, from stdin."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa

from pycape.keys import PublicKey

MADE = rsa.generate_private_key(65_537, 2048)
PKCS8, PKCS1 = s.PrivateFormat.PKCS8, s.PrivateFormat.TraditionalOpenSSL
SPKI = s.PublicFormat.SubjectPublicKeyInfo
PUBLIC = PublicKey.from_raw("rsa", MADE.public_key().public_bytes(s.Encoding.DER, SPKI)).to_text()


@pytest.fixture(autouse=True)
def _keys_in_files(tmp_path):
    for end, encoding in (("pem", s.Encoding.PEM), ("der", s.Encoding.DER)):
        private = MADE.private_bytes(encoding, PKCS8, s.NoEncryption())
        (tmp_path / f"rsa.{end}").touch(mode=0o600)
        (tmp_path / f"rsa.{end}").write_bytes(private)
        (tmp_path / f"public.{end}").write_bytes(MADE.public_key().public_bytes(encoding, SPKI))


@pytest.mark.parametrize("end", ["pem", "der"])
def test_a_key_reads_the_same_from_a_file_and_from_stdin(end, stranger, tmp_path):
    for name, holds in ((f"rsa.{end}", "private key"), (f"public.{end}", "public key")):
        data = stranger.data("keys", "show", name)
        assert (data["public_key"], data["kind"], data["holds"]) == (PUBLIC, "rsa", holds)
        octets = (tmp_path / name).read_bytes()
        assert stranger.data("keys", "show", "-", stdin=octets) == {**data, "file": "-"}
        assert stranger.data("inspect", name)["kind"] == holds.replace(" ", "-")
        stranger.ok("encrypt", "-", "-r", PUBLIC, "-o", "x.cape", "--yes", stdin=b"x")
        stranger.ok("inspect", "x.cape", "-k", "-", stdin=octets)
        stranger.ok("inspect", "x.cape", "-k", name)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_letter_for_a_key_in_pem(version, stranger, tmp_path):
    pem = (tmp_path / "public.pem").read_text().rstrip("\n")
    sealed = stranger.ok("encrypt", "hello", "-r", pem, "--format", version).stdout
    (tmp_path / "letter").write_bytes(sealed)
    for name in ("rsa.pem", "rsa.der"):
        assert stranger.ok("decrypt", "letter", "-k", name).stdout == b"hello"
        octets = (tmp_path / name).read_bytes()
        assert stranger.ok("decrypt", "letter", "-k", "-", stdin=octets).stdout == b"hello"


def test_recipients_are_named_in_pem_too(stranger, tmp_path):
    own = stranger.ok("keys", "generate", "me.key").line
    stranger.ok("encrypt", "-", "-r", own, "-o", "letter", stdin=b"hello")
    pem = (tmp_path / "public.pem").read_text()
    assert "rsa" in stranger.ok("recipients", "add", "letter", "-r", pem, "-k", "me.key").text
    assert stranger.ok("decrypt", "letter", "-k", "rsa.pem").stdout == b"hello"
    assert (
        "rsa" not in stranger.ok("recipients", "remove", "letter", "-r", pem, "-k", "me.key").text
    )


def test_version_1_for_nobody_is_a_wrong_use(stranger):
    error = stranger.error("encrypt", "hello", "--format", "v1")
    assert error["status"] == 2
    assert "one RSA key" in error["message"]
    assert "-r" in error["hint"]


def test_a_key_that_is_not_read_says_the_same_from_a_file_and_from_stdin(stranger, tmp_path):
    octets = MADE.private_bytes(s.Encoding.PEM, PKCS1, s.NoEncryption())
    (tmp_path / "old.pem").touch(mode=0o600)
    (tmp_path / "old.pem").write_bytes(octets)
    (tmp_path / "letter").write_bytes(base64.b64encode(bytes(600)))
    for words in (["keys", "show"], ["decrypt", "letter", "-k"], ["inspect", "letter", "-k"]):
        of_file = stranger.error(*words, "old.pem")
        of_stdin = stranger.error(*words, "-", stdin=octets)
        assert of_file["status"] == of_stdin["status"] == 65
        assert of_file["message"].startswith("old.pem: this is an RSA private key in the older")
        assert of_stdin["message"].startswith("stdin: this is an RSA private key in the older")
        assert "openssl pkcs8 -topk8 -nocrypt" in of_file["hint"] == of_stdin["hint"]


def test_a_private_key_in_pem_that_others_can_read_is_refused(stranger, tmp_path):
    (tmp_path / "rsa.pem").chmod(0o644)
    for words in (["keys", "show", "rsa.pem"], ["decrypt", "rsa.pem", "-k", "rsa.pem"]):
        assert stranger.error(*words)["hint"] == "chmod 600 rsa.pem"
