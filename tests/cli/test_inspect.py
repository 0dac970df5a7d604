"""cape inspect: what it recognises, what it says of whom, and what it never shows."""

import io
import json
import random
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import rsa

from pycape import _core, envelope, errors, keys
from pycape.cli._inspect._source import MOST_OF_STREAM
from pycape.demo import echo_folder

ACCOUNT = _core.Account.from_seed(bytes(range(32)))
KEY = keys.PrivateKey.from_raw("x25519", bytes(range(1, 33)))
NOW_MS = 1_800_000_000_000

STATEMENTS = {
    "epoch": ACCOUNT.sign_epoch_record(3),
    "name": ACCOUNT.sign_name_claim("alice"),
    "owner": ACCOUNT.sign_owner_proof("A" * 43),
    "request": ACCOUNT.sign_request("DELETE", "/v2/functions/x", NOW_MS),
    "revocations": ACCOUNT.sign_revocations(1, ["a-jti"], ["ab" * 32], NOW_MS),
    "token": ACCOUNT.sign_token("cd" * 32, 60, "for bob", NOW_MS),
    "manifest": ACCOUNT.sign_manifest(
        name="echo",
        version=1,
        bundle_sha256="ab" * 32,
        bundle_size=1,
        python="3.11",
        platform="x86_64-manylinux_2_28",
        handler="app:cape_handler",
        isolation="session",
        memory_mib=64,
        timeout_s=1,
        env={},
        min_epoch=2,
    ),
}
TEXTS = {
    **STATEMENTS,
    "account-id": ACCOUNT.id,
    "account-key": ACCOUNT.to_text(),
    "private-key": KEY.to_text(),
    "public-key": KEY.public_key.to_text(),
    "policy": f'[[release]]\nname = "r"\npcr0 = "{"11" * 48}"\nvault = "{"22" * 32}"\n',
}
VECTORS = Path(__file__).parents[1] / "vectors" / "envelope"
KINDS = [*TEXTS, "envelope", "bundle", "profile", "attestation"]


def sealed(data: bytes = b"x" * 100, **options) -> bytes:
    return envelope.seal(data, [KEY.public_key], **options)


def binary(data: bytes, **options) -> bytes:
    size = envelope.sealed_size(len(data), [KEY.public_key], context=options.get("context"))
    buffer = bytearray(size)
    envelope.seal_into(data, [KEY.public_key], buffer, **options)
    return bytes(buffer)


def zipped(name: str = "app.py") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(name, "def cape_handler(x): return x\n")
        file.writestr("lib/data.bin", bytes(1000))
    return buffer.getvalue()


@pytest.fixture
def content(platform, cape):
    """Return what each kind of file can hold."""

    def of(kind: str) -> bytes:
        match kind:
            case "envelope":
                return sealed()
            case "bundle":
                return zipped()
            case "profile":
                return platform.profile.dump().encode()
            case "attestation":
                return platform.profile.birth
        return TEXTS[kind].encode()

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognised_and_both_outputs_say_the_same(cape, tmp_path, content, kind):
    (tmp_path / "file").write_bytes(content(kind))
    data = cape.data("inspect", "file")
    parts = {"kind", "title", "verified", "checked", "facts", "words", "not_looked_at"}
    assert data.keys() == parts
    assert data["kind"] == kind
    assert data["verified"] is (data["checked"] is not None)
    told = cape.ok("inspect", "file").text
    assert max(map(len, told.splitlines())) <= 80
    words = " ".join(told.split())
    for said in (data["title"], *data["words"]):
        assert " ".join(said.split()) in words
    for name, value in data["facts"].items():
        if value is not None:
            assert name.replace("_", " ") in words
    assert ("nothing of it was verified" in words) is not data["verified"]
    assert cape.ok("inspect", "file", "-q").line == kind
    assert (
        cape.data("inspect", "-", stdin=content(kind) + (b"\n" if kind in TEXTS else b"")) == data
    )


@pytest.mark.parametrize("kind", ["private-key", "account-key"])
def test_a_secret_is_never_shown(stranger, tmp_path, kind):
    (tmp_path / "file").write_text(TEXTS[kind])
    secret = TEXTS[kind].partition("1")[2]
    for words in (["inspect", "file"], ["inspect", "file", "--json"], ["inspect", "file", "-v"]):
        outcome = stranger.ok(*words)
        told = outcome.text + outcome.stderr
        assert secret not in told
        for raw in (KEY.to_raw(), bytes(range(32))):
            assert raw.hex() not in told
    assert not stranger.config.exists(), "no account is made by looking"


# Ciphertexts


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


def test_it_tells_whose_account_it_is_for(cape, bob, echo):
    cape.ok("accounts", "name", "inspected")
    account = cape.ok("accounts", "show", "-q").line
    text = bob.ok("encrypt", "x", "-r", "inspected", "--function", echo["function_id"]).stdout
    by_bob = bob.data("inspect", "-", stdin=text)
    assert by_bob["facts"]["recipients"][0]["who"] == f"inspected, account {account}"
    assert "You cannot open it here" in " ".join(by_bob["words"])
    cape.ok("keys", "show")
    by_alice = cape.data("inspect", "-", stdin=text)
    assert by_alice["facts"]["recipients"][0]["who"] == f"your account, {account}"
    assert "inside an enclave, and nowhere else" in " ".join(by_alice["words"])
    [rule] = by_alice["facts"]["only_for_functions"]
    assert rule == f"{echo['function_checksum']} ({account}/echo)"


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


def test_a_file_of_this_machine_that_cannot_be_read_is_told_and_done_without(stranger, tmp_path):
    (tmp_path / "file").write_bytes(sealed(context={"cape.functions": "ab" * 32}))
    stranger.ok("accounts", "show")
    (stranger.config / "account.key").chmod(0o644)
    known = stranger.config / "known" / "local"
    known.mkdir(parents=True)
    (known / "functions").write_text("[")
    (known / "accounts").write_text("[")
    expected = ["others can read it", "functions is damaged", "accounts is damaged"]
    data = stranger.data("inspect", "file")
    assert data["facts"]["only_for_functions"] == ["ab" * 32]
    told = stranger.ok("inspect", "file")
    for part in expected[1:]:
        assert part in str(data["not_looked_at"])
        assert part in told.stderr
    (tmp_path / "id").write_text(ACCOUNT.id)
    data = stranger.data("inspect", "id")
    assert data["facts"]["yours"] is False
    assert expected[0] in str(data["not_looked_at"])
    (tmp_path / "key").write_text(KEY.public_key.to_text())
    assert stranger.data("inspect", "key")["not_looked_at"] == [], "nothing else is looked at"


# What accounts signed


def test_a_statement_with_another_signature_is_refused(stranger):
    header, payload, signature = STATEMENTS["epoch"].split(".")
    forged = f"{header}.{STATEMENTS['name'].split('.')[1]}.{signature}"
    error = stranger.error("inspect", "-", stdin=forged.encode())
    assert (error["status"], error["code"]) == (77, errors.PermissionDenied.code)
    error = stranger.error("inspect", "-", stdin=f"{header}.{payload}.AAAA".encode())
    assert (error["status"], error["code"]) == (76, errors.ProtocolError.code)


def test_what_a_manifest_and_a_token_say(stranger):
    facts = stranger.data("inspect", "-", stdin=STATEMENTS["manifest"].encode())["facts"]
    manifest = _core.Manifest.verify(STATEMENTS["manifest"])
    assert (facts["checksum"], facts["opens_epochs"]) == (manifest.checksum, "2 to 17")
    facts = stranger.data("inspect", "-", stdin=STATEMENTS["token"].encode())["facts"]
    assert (facts["signed_by"], facts["exp"]) == (ACCOUNT.id, "2027-01-15T08:01:00Z")


def test_whose_statement_it_is(stranger):
    account = stranger.ok("accounts", "show", "-q").line
    key = _core.Account.from_text((stranger.config / "account.key").read_text().strip())
    facts = stranger.data("inspect", "-", stdin=key.sign_epoch_record(1).encode())["facts"]
    assert facts["signed_by"] == f"{account} (your account)"


# Everything else


def test_what_is_not_known_is_told_with_what_is(stranger, tmp_path):
    for content in (
        b"",
        b"hello",
        b"\0" * 100,
        b"\x84",
        b"\x9f" * 40_000,
        b"PK\x03\x04",
        zipped("data.txt"),
        b"{}",
    ):
        (tmp_path / "file").write_bytes(content)
        error = stranger.error("inspect", "file")
        assert (error["status"], error["code"]) == (65, "CAPE-CLI-003")
        assert error["message"] == "file is nothing that is known here"
        for kind in ("an envelope", "a profile", "manifest, token", "a function's zip"):
            assert kind in error["hint"]


def test_a_damaged_file_of_a_known_kind_is_told_as_that(stranger):
    for text, code in {
        "cape:9:AAAA": errors.UnsupportedFormat.code,
        KEY.to_text()[:-1]: errors.KeyInvalid.code,
        KEY.public_key.to_text() + "q": errors.KeyInvalid.code,
        ACCOUNT.to_text()[:-1]: errors.KeyInvalid.code,
    }.items():
        error = stranger.error("inspect", "-", stdin=text.encode())
        assert (error["status"], error["code"]) == (65, code)


def test_no_file_makes_it_fail_in_a_way_that_was_not_foreseen(cape, tmp_path, content):
    """Each kind, cut and with bytes changed: always an explanation, or an error of ours."""
    chance = random.Random(1)  # noqa: S311 - the same bytes each time
    known = {0, 65, 76, 77, 78}
    for kind in KINDS:
        whole = content(kind)
        for attempt in range(12):
            harmed = bytearray(whole)
            for _ in range(attempt % 4):
                harmed[chance.randrange(len(harmed))] = chance.randrange(256)
            del harmed[chance.randrange(1, len(harmed) + 1) :]
            (tmp_path / "file").write_bytes(harmed)
            outcome = cape("inspect", "file")
            assert outcome.status in known, (kind, bytes(harmed), outcome.stderr)


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


def test_published_statements_are_explained_or_refused(stranger):
    for path in sorted((VECTORS.parent / "statements").glob("*.json")):
        published = json.loads(path.read_text())
        outcome = stranger("inspect", "-", stdin=published["statement"].encode())
        accepted = published["error"] is None
        assert outcome.status in ({0} if accepted else {0, 65, 76, 77}), path.stem
        if accepted:
            assert f"{published['account']}\n" in outcome.text, path.stem


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


def test_a_folder_is_no_file(stranger):
    assert stranger.error("inspect", str(echo_folder()))["message"].endswith("is a directory")


def test_the_file_and_the_key_cannot_both_come_from_stdin(stranger):
    assert stranger.error("inspect", "-", "-k", "-")["status"] == 2
