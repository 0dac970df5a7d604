"""The fixed names of `pycape.envelope` and `pycape.keys`. The format is tested where it is made."""

import errno
import inspect
import os
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy
import pytest

from pycape import envelope, errors, keys

KEYS = {kind: keys.PrivateKey.generate(kind) for kind in ("xwing", "x25519")}
XWING, X25519 = KEYS.values()


def test_names_and_their_arguments():
    def parameters(function):
        return [
            f"*{name}" if parameter.kind is parameter.KEYWORD_ONLY else name
            for name, parameter in inspect.signature(function).parameters.items()
        ]

    options = ["*context", "*aad", "*anonymous"]
    assert parameters(envelope.seal) == ["data", "recipients", *options, "*format"]
    assert parameters(envelope.open) == ["data", "private_key", "*aad"]
    assert parameters(envelope.seal_into) == ["data", "recipients", "buffer", *options]
    assert parameters(envelope.seal_stream) == [
        "reader",
        "writer",
        "recipients",
        *options,
        "*progress",
    ]
    assert parameters(envelope.open_stream) == [
        "reader",
        "writer",
        "private_key",
        "*aad",
        "*progress",
    ]
    assert parameters(envelope.EnvelopeReader) == ["file", "private_key", "*aad"]
    change = ["private_key", "*add", "*remove", "*anonymous"]
    assert parameters(envelope.change_recipients) == ["data", *change]
    assert parameters(envelope.change_recipients_stream) == [
        "reader",
        "writer",
        *change,
        "*progress",
    ]
    assert parameters(envelope.sealed_size) == ["size", "recipients", "*context"]
    assert parameters(envelope.inspect) == ["data"]
    assert parameters(envelope.use_rules) == ["*functions", "*not_after"]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_000])
def test_there_and_back(kind, size):
    data = bytes(i & 0xFF for i in range(size))
    text = envelope.seal(data, [KEYS[kind].public_key], context={"note": "x"}, aad=b"outside")
    assert text.startswith(b"cape:2:")
    assert envelope.open(text, KEYS[kind], aad=b"outside") == data


def test_each_of_several_recipients_opens_it():
    text = envelope.seal(b"x", [key.public_key for key in KEYS.values()])
    assert [envelope.open(text, key) for key in KEYS.values()] == [b"x", b"x"]


@pytest.mark.parametrize(
    "data",
    [
        bytearray(b"abcd"),
        memoryview(b"abcd"),
        numpy.frombuffer(b"abcd", dtype="<f4"),
        numpy.frombuffer(b"abcd", dtype=">f4"),
        numpy.frombuffer(b"abcd", dtype="uint8").reshape(2, 2),
    ],
    ids=lambda data: str(getattr(data, "dtype", type(data).__name__)),
)
def test_any_contiguous_buffer_is_sealed(data):
    public = [X25519.public_key]
    assert envelope.open(envelope.seal(data, public), X25519) == b"abcd"
    assert (
        envelope.open(bytearray(envelope.seal(data, public, aad=data)), X25519, aad=data) == b"abcd"
    )


@pytest.mark.parametrize("shape", [(0,), (2, 0)])
def test_an_array_without_items(shape):
    assert envelope.open(envelope.seal(numpy.zeros(shape), [X25519.public_key]), X25519) == b""


@pytest.mark.parametrize("data", ["text", 5, None, [1, 2], numpy.zeros(8)[::2]])
def test_what_is_no_contiguous_buffer(data):
    text = envelope.seal(b"x", [X25519.public_key])
    for misuse in (
        lambda: envelope.seal(data, [X25519.public_key]),
        lambda: envelope.seal(b"x", [X25519.public_key], aad=data),
        lambda: envelope.seal_into(data, [X25519.public_key], bytearray(400)),
        lambda: envelope.open(data, X25519),
        lambda: envelope.open(text, X25519, aad=data),
        lambda: envelope.inspect(data),
    ):
        with pytest.raises(TypeError):
            misuse()


def test_text_is_refused_with_a_hint():
    with pytest.raises(TypeError, match=r"\.encode\(\)"):
        envelope.seal("text", [X25519.public_key])


@pytest.mark.parametrize("kind", KEYS)
def test_into_a_buffer_of_the_callers(kind):
    public = [KEYS[kind].public_key]
    size = envelope.sealed_size(1000, public, context={"note": "x"})
    for buffer in (bytearray(size), numpy.zeros(size, dtype="uint8"), bytearray(size + 10)):
        written = envelope.seal_into(bytes(1000), public, buffer, context={"note": "x"})
        assert written == size
        assert envelope.open(memoryview(buffer)[:written], KEYS[kind]) == bytes(1000)


def test_buffers_that_will_not_do():
    public = [X25519.public_key]
    size = envelope.sealed_size(10, public)
    with pytest.raises(ValueError, match="bytes"):
        envelope.seal_into(bytes(10), public, bytearray(size - 1))
    with pytest.raises(TypeError, match="writable"):
        envelope.seal_into(bytes(10), public, bytes(size))
    shared = bytearray(size)
    with pytest.raises(ValueError, match="overlaps"):
        envelope.seal_into(memoryview(shared)[:10], public, shared)


@pytest.mark.parametrize("size", [-1, 1 << 63, 1 << 64])
def test_a_size_that_is_none(size):
    with pytest.raises(ValueError, match="size"):
        envelope.sealed_size(size, [X25519.public_key])


def test_what_cannot_be_opened():
    text = envelope.seal(b"x" * 1000, [X25519.public_key], aad=b"outside")
    with pytest.raises(errors.DecryptFailed):
        envelope.open(text, XWING, aad=b"outside")
    with pytest.raises(errors.DecryptFailed):
        envelope.open(text, X25519)
    with pytest.raises((errors.Truncated, errors.UnsupportedFormat)):
        envelope.open(text[:700], X25519, aad=b"outside")
    for other in (b"", b"x", b"cape:", b"cape:9:AAAA", b"\0" * 600):
        with pytest.raises(errors.CryptoError):
            envelope.open(other, X25519)
        with pytest.raises(errors.CryptoError):
            envelope.inspect(other)


@pytest.mark.parametrize(
    ("recipients", "error"),
    [
        ([], ValueError),
        ([X25519.public_key] * 2, ValueError),
        ([keys.PrivateKey.generate("x25519").public_key for _ in range(33)], ValueError),
        (X25519.public_key, TypeError),
        ([X25519], TypeError),
        ([None], TypeError),
        ("capepk1", TypeError),
        (None, TypeError),
    ],
    ids=["none", "twice", "33", "one", "private", "None", "text", "nothing"],
)
def test_recipients_that_are_none(recipients, error):
    with pytest.raises(error):
        envelope.seal(b"x", recipients)
    with pytest.raises(error):
        envelope.sealed_size(1, recipients)


def test_a_header_tells_who_can_open_it_and_how_large_it_is():
    header = envelope.inspect(
        envelope.seal(bytes(1000), [X25519.public_key], context={"note": "ü"})
    )
    assert (header.version, header.suite, header.plaintext_size) == (2, "AES-256-GCM", 1000)
    assert header.context == {"note": "ü".encode()}
    [stanza] = header.recipients
    assert (stanza.kind, stanza.key_id) == ("x25519", X25519.public_key.key_id)
    assert header.size == envelope.sealed_size(1000, [X25519.public_key], context={"note": "ü"})


@pytest.mark.parametrize(
    "context", [{"a": "x" * 5000}, {"cape.functions": "x"}, {"cape.unknown": "x"}, {"\ud800": "x"}]
)
def test_a_context_that_breaks_the_rules(context):
    with pytest.raises(ValueError):
        envelope.seal(b"x", [X25519.public_key], context=context)


@pytest.mark.parametrize("context", [{"a": 5}, {5: "a"}, 5])
def test_a_context_of_something_else(context):
    with pytest.raises(TypeError):
        envelope.seal(b"x", [X25519.public_key], context=context)


def test_use_rules():
    until = datetime(2030, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
    rules = envelope.use_rules(functions=["cd" * 32, "ab" * 32, "ab" * 32], not_after=until)
    assert rules == {
        "cape.functions": f"{'ab' * 32} {'cd' * 32}",
        "cape.not_after": "2030-01-02T03:04:05Z",
    }
    assert envelope.use_rules() == {}
    assert envelope.seal(b"x", [X25519.public_key], context=rules)
    with pytest.raises(ValueError, match="forbid every use"):
        envelope.use_rules(functions=[])
    with pytest.raises(ValueError, match="time zone"):
        envelope.use_rules(not_after=datetime(2030, 1, 1))  # noqa: DTZ001 - that is the mistake
    with pytest.raises(ValueError, match=r"cape\.functions"):
        envelope.seal(b"x", [X25519.public_key], context={"cape.functions": "x"})


def test_use_rules_of_something_else():
    for moment in (5, "2030-01-01", date(2030, 1, 1)):
        with pytest.raises(TypeError, match="datetime"):
            envelope.use_rules(not_after=moment)
    with pytest.raises(TypeError, match="a list"):
        envelope.use_rules(functions="ab" * 32)
    last = datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))
    with pytest.raises(ValueError, match="no date in UTC"):
        envelope.use_rules(not_after=last)
    with pytest.raises(ValueError, match="1970 or later"):
        envelope.use_rules(not_after=datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC))
    begin = envelope.use_rules(not_after=datetime(1970, 1, 1, tzinfo=UTC))
    assert envelope.seal(b"x", [X25519.public_key], context=begin)


# Keys


@pytest.mark.parametrize("kind", KEYS)
def test_keys_in_text_and_raw(kind):
    private = KEYS[kind]
    public = private.public_key
    assert (private.kind, public.kind) == (kind, kind)
    assert keys.PublicKey.from_text(public.to_text()) == public
    assert keys.PublicKey.from_raw(kind, public.to_raw()) == public
    assert hash(keys.PublicKey.from_raw(kind, public.to_raw())) == hash(public)
    for twin in (
        keys.PrivateKey.from_text(private.to_text()),
        keys.PrivateKey.from_raw(kind, private.to_raw()),
    ):
        assert twin.public_key == public
    assert public.to_text().startswith("capepk1")
    assert private.to_text().startswith("capesk1")
    assert len(public.to_raw()) == {"xwing": 1216, "x25519": 32}[kind]
    assert len(private.to_raw()) == 32
    assert len(public.key_id) == 8


@pytest.mark.parametrize("kind", KEYS)
def test_a_key_shows_its_fingerprint_and_nothing_else(kind):
    private = KEYS[kind]
    for shown in (repr(private), str(private), repr(private.public_key)):
        assert private.public_key.fingerprint in shown
        assert private.to_text()[8:] not in shown
        assert private.to_raw().hex() not in shown
    assert keys.PrivateKey.generate().kind == "xwing"


@pytest.mark.parametrize("kind", [keys.PublicKey, keys.PrivateKey])
@pytest.mark.parametrize("text", ["", "x", "capepk1", "capesk1", "capepk1" + "q" * 60, "\0", "ü"])
def test_text_that_is_no_key(kind, text):
    with pytest.raises(errors.KeyInvalid):
        kind.from_text(text)


@pytest.mark.parametrize("kind", ["x25519", "xwing", "rsa"])
@pytest.mark.parametrize("raw", [b"", bytes(31), bytes(33), bytes(1216), bytes(5000)])
def test_bytes_that_are_no_public_key(kind, raw):
    with pytest.raises(errors.KeyInvalid):
        keys.PublicKey.from_raw(kind, raw)


def test_kinds_that_there_are_not():
    with pytest.raises(ValueError, match="foo"):
        keys.PublicKey.from_raw("foo", bytes(32))
    with pytest.raises(ValueError, match="rsa"):
        keys.PrivateKey.generate("rsa")


def test_rsa_keys_from_der():
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(65_537, 2048)
    pkcs8 = made.private_bytes(s.Encoding.DER, s.PrivateFormat.PKCS8, s.NoEncryption())
    spki = made.public_key().public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo)
    private, public = keys.PrivateKey.from_raw("rsa", pkcs8), keys.PublicKey.from_raw("rsa", spki)
    assert private.public_key == public
    assert envelope.open(envelope.seal(b"x", [public]), private) == b"x"


def test_anonymous_recipients():
    text = envelope.seal(b"x", [key.public_key for key in KEYS.values()], anonymous=True)
    assert [stanza.key_id for stanza in envelope.inspect(text).recipients] == [bytes(8)] * 2
    assert [envelope.open(text, key) for key in KEYS.values()] == [b"x", b"x"]
    size = envelope.sealed_size(1, [X25519.public_key])
    assert envelope.seal_into(b"x", [X25519.public_key], bytearray(size), anonymous=True) == size
    five = [keys.PrivateKey.generate("x25519").public_key for _ in range(5)]
    with pytest.raises(ValueError, match="5 anonymous"):
        envelope.seal(b"x", five, anonymous=True)


# Files of private keys


@pytest.mark.parametrize("kind", KEYS)
def test_a_private_keys_file_is_its_owners_alone(kind, tmp_path):
    path = tmp_path / "folder" / "me.key"
    keys.save_private_key(KEYS[kind], path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == KEYS[kind].to_text() + "\n"
    assert keys.load_private_key(path).to_raw() == KEYS[kind].to_raw()
    assert keys.load_private_key(str(path)).public_key == KEYS[kind].public_key
    for mode in (0o640, 0o604, 0o660, 0o666):
        path.chmod(mode)
        with pytest.raises(errors.ConfigError, match=f"mode {mode:04o}"):
            keys.load_private_key(path)


def test_a_private_key_is_never_overwritten(tmp_path):
    keys.save_private_key(XWING, tmp_path / "key")
    with pytest.raises(errors.ConfigError, match="exists already"):
        keys.save_private_key(X25519, tmp_path / "key")
    assert keys.load_private_key(tmp_path / "key").public_key == XWING.public_key
    with pytest.raises(TypeError, match="PublicKey"):
        keys.save_private_key(XWING.public_key, tmp_path / "other")


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_where_there_are_no_hard_links(tmp_path, monkeypatch, number):
    """As on a memory card: a key is written there too, and not overwritten either."""

    def refuse(_path, _target):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    test_a_private_key_is_never_overwritten(tmp_path)
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_an_rsa_key_in_pem(tmp_path):
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import rsa

    made, path = rsa.generate_private_key(65_537, 2048), tmp_path / "rsa.pem"
    path.touch(mode=0o600)
    path.write_bytes(made.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
    spki = made.public_key().public_bytes(s.Encoding.DER, s.PublicFormat.SubjectPublicKeyInfo)
    assert keys.load_private_key(path).public_key == keys.PublicKey.from_raw("rsa", spki)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "capesk1",
        "ü",
        XWING.public_key.to_text(),
        "-----BEGIN PRIVATE KEY-----\nAAA\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_files_that_hold_no_private_key(text, tmp_path):
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")
    with pytest.raises(errors.KeyInvalid):
        keys.load_private_key(path)


def test_files_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(errors.ConfigError):
            keys.load_private_key(path)
