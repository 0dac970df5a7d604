"""cape inspect: who can open a ciphertext, what protects it, and what of a stream is read."""

import io
import json

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa

from pycape import envelope, keys
from pycape.cli._inspect._source import MOST_OF_STREAM

from .inspected import KEY, VECTORS, binary, sealed


@pytest.mark.parametrize("form", [sealed, binary], ids=["text", "binary"])
def test_an_envelope_and_its_sizes(stranger, tmp_path, form):
    (tmp_path / "file").write_bytes(form(b"x" * 20_000, context={"note": "for\x1b[31m you"}))
    facts = stranger.data("inspect", "file")["facts"]
    assert facts["form"] == ("text" if form is sealed else "binary")
    assert (facts["version"], facts["plaintext_size"]) == (2, 20_000)
    size = envelope.sealed_size(20_000, [KEY.public_key], context={"note": "for\x1b[31m you"})
    assert facts["size"] == size
    assert facts["context"] == {"note": "for\x1b[31m you"}
    [recipient] = facts["recipients"]
    expected = {"kind": "x25519", "key_id": KEY.public_key.key_id.hex(), "who": "not known here"}
    assert recipient == expected
    told = stranger.ok("inspect", "file").text
    assert "\x1b" not in told
    assert "X25519 wraps the file key" in told
    assert "AES-256-GCM encrypts the data" in told
    assert "HPKE (RFC 9180)" in told
    assert "ChaCha20-Poly1305 encrypts the 32 bytes of the file key" in " ".join(told.split())
    assert "HMAC-SHA-256 authenticates the header" in told
    assert "The sender is not authenticated" in told
    assert "ML-KEM" not in told, "only what protects this one is explained"


@pytest.mark.parametrize("form", [sealed, binary], ids=["text", "binary"])
@pytest.mark.parametrize("anonymous", [False, True])
def test_it_tells_whether_a_key_opens_it(stranger, tmp_path, form, anonymous):
    (tmp_path / "file").write_bytes(form(b"x", anonymous=anonymous, aad=b"of others"))
    stranger.ok("keys", "generate", "other.key")
    keys.save_private_key(KEY, tmp_path / "me.key")
    (tmp_path / "me.pub").write_text(KEY.public_key.to_text())
    expected = {"me.key": True, "other.key": False, "me.pub": None if anonymous else True}
    for name, opened in expected.items():
        data = stranger.data("inspect", "file", "-k", name)
        assert data["facts"]["opened_by_the_key_given"] is opened
        words = {True: "opens it", False: "does not open it", None: "takes the private key"}
        assert f"key that you gave {words[opened]}" in " ".join(data["words"]) or opened is None
        assert ("takes the private key" in " ".join(data["words"])) is (opened is None)
    [recipient] = stranger.data("inspect", "file", "-k", "me.key")["facts"]["recipients"]
    assert recipient["who"] == ("not named" if anonymous else "the key given with --key")
    assert stranger.data("inspect", "file")["facts"]["opened_by_the_key_given"] is None


def test_a_key_that_is_named_and_does_not_open_it(stranger, tmp_path):
    vector = json.loads((VECTORS / "mac_altered.json").read_text())
    (tmp_path / "file").write_text(vector["text"])
    (tmp_path / "me.key").touch(mode=0o600)
    (tmp_path / "me.key").write_text(vector["private_key"])
    data = stranger.data("inspect", "file", "-k", "me.key")
    assert data["facts"]["recipients"][0]["who"] == "the key given with --key"
    assert data["facts"]["opened_by_the_key_given"] is False


def test_it_tells_which_rules_it_carries(stranger, tmp_path):
    rules = {"cape.functions": "ab" * 32, "cape.not_after": "2020-01-01T00:00:00Z"}
    (tmp_path / "file").write_bytes(sealed(context=rules))
    facts = stranger.data("inspect", "file")["facts"]
    assert facts["only_for_functions"] == ["ab" * 32]
    assert facts["not_after"] == "2020-01-01T00:00:00Z (over: no enclave opens it)"
    assert facts["context"] is None


@pytest.mark.parametrize("vector", sorted(VECTORS.glob("rule_*.json")), ids=lambda p: p.stem)
def test_rules_that_no_enclave_takes_are_told_as_that(stranger, vector):
    facts = stranger.data("inspect", "-", stdin=json.loads(vector.read_text())["text"].encode())
    rules = ("only_for_functions", "not_after", "rules_not_known_here")
    [told] = [str(facts["facts"][rule]) for rule in rules if rule in facts["facts"]]
    assert "no enclave opens it" in told


class Endless(io.RawIOBase):
    """A stream that begins with an envelope and never ends."""

    def __init__(self) -> None:
        self._text = sealed(bytes(MOST_OF_STREAM))
        self.read_so_far = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        piece = self._text[self.read_so_far :][: len(buffer)] or b"A" * len(buffer)
        buffer[: len(piece)] = piece
        self.read_so_far += len(piece)
        return len(piece)


def test_of_a_stream_only_the_beginning_is_read(stranger):
    stream = Endless()
    facts = stranger.data("inspect", "-", stdin=io.BufferedReader(stream))["facts"]
    assert facts["header_size"] > 0
    assert facts.keys().isdisjoint({"size", "plaintext_size"})
    assert MOST_OF_STREAM < stream.read_so_far < 2 * MOST_OF_STREAM


@pytest.mark.parametrize("form", ["binary", "text"])
def test_where_a_stream_was_cut_says_nothing_of_its_end(stranger, form):
    # What is read of each ends a few bytes into a chunk, which no whole envelope does.
    recipients = [
        keys.PrivateKey.generate(kind).public_key for kind in ("xwing", "x25519") for _ in range(12)
    ]
    plaintext = b"x" * (2 << 20)
    if form == "text":
        context = {"k": "x" * 251}
        data = envelope.seal(plaintext, recipients, context=context)
    else:
        context = {}
        data = bytearray(envelope.sealed_size(len(plaintext), recipients))
        envelope.seal_into(plaintext, recipients, data)
    facts = stranger.data("inspect", "-", stdin=bytes(data))["facts"]
    assert facts["form"] == form
    assert facts["header_size"] == 15_312 + (256 if context else 0)
    assert len(facts["recipients"]) == 24
    assert facts.keys().isdisjoint({"size", "plaintext_size"})


@pytest.mark.parametrize("vector", sorted(VECTORS.glob("*.json")), ids=lambda p: p.stem)
def test_published_defects_are_explained_or_refused(stranger, tmp_path, vector):
    published = json.loads(vector.read_text())
    text = published["text"].encode()
    outcome = stranger("inspect", "-", "--json", stdin=text)
    assert outcome.status in {0, 65}
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text(published["private_key"])
    tried = stranger("inspect", "-", "-k", "key", "--json", stdin=text)
    assert tried.status == outcome.status
    if "plaintext" in published:
        assert tried.json["data"]["facts"]["opened_by_the_key_given"] is True


def test_an_envelope_of_the_first_system(stranger, tmp_path):
    made = rsa.generate_private_key(65_537, 2048)
    key = keys.PrivateKey.from_raw(
        "rsa", made.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())
    )
    (tmp_path / "file").write_bytes(envelope.seal(b"x", [key.public_key], format="v1"))
    data = stranger.data("inspect", "file")
    assert (data["facts"]["version"], data["facts"]["plaintext_size"]) == (1, None)
    assert data["facts"]["recipients"] == [{"kind": "rsa", "who": "not named"}]
    words = " ".join(data["words"])
    for said in (
        "the first system's format",
        "RSA-OAEP with SHA-256",
        "AES-256-GCM encrypts the data",
        "quantum computer",
        "The sender is not authenticated",
    ):
        assert said in words
    keys.save_private_key(key, tmp_path / "me.key")
    stranger.ok("keys", "generate", "other.key")
    for name, opened in (("me.key", True), ("other.key", False)):
        facts = stranger.data("inspect", "file", "-k", name)["facts"]
        assert facts["opened_by_the_key_given"] is opened
