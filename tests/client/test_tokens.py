import pytest

from pycape import Token, _core, errors
from pycape._clock import now_ms
from pycape.tokens import seconds_of, to_token

TEXT = _core.Account.generate().sign_token("ab" * 32, 60, "a name", now_ms())


def test_a_token_is_its_text():
    token = Token(f" {TEXT}\n")
    assert token.token == token.raw == TEXT
    assert token == Token(TEXT)
    assert hash(token) == hash(Token(TEXT))
    assert token != Token("x")
    assert token != TEXT
    assert repr(token) == "Token(...)"


def test_a_token_says_what_it_is_for():
    claims = Token(TEXT).inspect()
    assert (claims.checksum, claims.name) == ("ab" * 32, "a name")
    assert claims.expires - claims.issued_at == 60


@pytest.mark.parametrize("text", ["", "x", "a.b.c", TEXT[:-4] + "AAAA", TEXT + "x", "\0", "ü"])
def test_text_that_is_no_token(text):
    with pytest.raises(errors.TokenInvalid):
        Token(text).inspect()


def test_a_token_goes_to_a_file_of_its_owner_and_back(tmp_path):
    path = tmp_path / "token"
    Token(TEXT).to_disk(path)
    assert path.read_text() == TEXT
    assert path.stat().st_mode & 0o777 == 0o600
    for location in (path, str(path)):
        assert Token.from_disk(location) == to_token(location) == Token(TEXT)


def test_a_token_is_made_of_text_longer_than_a_file_name():
    assert len(TEXT) > 255
    assert to_token(TEXT) == Token(TEXT)


@pytest.mark.parametrize("length", [1, 255, 256, 4095, 4096, 5000, 100_000])
@pytest.mark.parametrize("character", ["a", "/", "ü", "\0"])
def test_text_of_any_length_is_no_path(length, character):
    assert to_token(f"x{character * length}x").raw == f"x{character * length}x"


def test_a_path_without_a_file(tmp_path):
    with pytest.raises(errors.ConfigError, match="no token file"):
        to_token(tmp_path / "absent")
    with pytest.raises(errors.ConfigError, match="no token file"):
        Token.from_disk(str(tmp_path / "absent"))


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff")
    for path in (tmp_path, tmp_path / "binary"):
        with pytest.raises(errors.ConfigError, match="cannot be read"):
            to_token(path)
    with pytest.raises(errors.ConfigError, match="cannot be written"):
        Token(TEXT).to_disk(tmp_path / "binary" / "token")


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"]])
def test_what_could_never_be_a_token(value):
    with pytest.raises(TypeError, match="a token is text"):
        to_token(value)
    with pytest.raises(TypeError, match="a token is text"):
        Token(value)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [
        ("30d", 2_592_000),
        ("12h", 43_200),
        ("5m", 300),
        ("300s", 300),
        (60, 60),
        (1.9, 1),
        ("90d", 7_776_000),
    ],
)
def test_durations(duration, seconds):
    assert seconds_of(duration) == seconds


@pytest.mark.parametrize(
    "duration",
    [
        *("", "30", "d", "-1d", "1.5h", "1w", " 1d", "0s", "91d", "٣d"),
        *(0, -1, 0.5, 10**30, float("nan"), float("inf"), False),
    ],
)
def test_what_is_no_duration_of_a_token(duration):
    with pytest.raises(ValueError, match=r"duration|lasts"):
        seconds_of(duration)


@pytest.mark.parametrize("duration", [None, b"1d", [1]])
def test_what_could_never_be_a_duration(duration):
    with pytest.raises(TypeError):
        seconds_of(duration)


def test_a_relative_path_is_found(tmp_path, monkeypatch):
    Token(TEXT).to_disk(tmp_path / "user.token")
    monkeypatch.chdir(tmp_path)
    assert to_token("user.token") == Token(TEXT)
