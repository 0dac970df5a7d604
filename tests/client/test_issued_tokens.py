"""Which tokens were issued here: what is remembered of them, and for how long."""

import asyncio
import inspect
import json
import multiprocessing

import pytest

from pycape import AsyncCape, Cape, Token, _core, _known_tokens, errors
from pycape._clock import now_ms
from pycape._known_tokens import KnownTokens
from pycape.tokens import IssuedToken

from .doubles import URL, AsyncScriptedTransport, ScriptedTransport, answer, any_policy, manifest

DAY_S = 86_400
TRANSPORTS = {Cape: ScriptedTransport, AsyncCape: AsyncScriptedTransport}


@pytest.fixture(params=[Cape, AsyncCape])
def call(request, script, tmp_path):
    """Call a method of either client, of the account that has the function `ID`."""

    def call(method: str, *arguments, profile: str | None = None, **options):
        transport = TRANSPORTS[request.param](script)
        client = request.param(
            URL, policy=any_policy(), profile=profile, transport=transport, max_retries=0
        )
        result = getattr(client, method)(*arguments, **options)
        return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result

    return call


async def _awaited(awaitable):
    return await awaitable


@pytest.fixture
def account(tmp_path):
    with Cape(URL, policy=any_policy()) as cape:
        return cape._platform.account


@pytest.fixture
def function(account, script):
    """The id of a function that the account has deployed."""
    text = manifest(account, "tally")
    function_id = _core.Manifest.verify(text).function_id
    script.answers[f"GET /v2/functions/{function_id}"] = answer(200, {"manifest": text})
    return function_id


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "known" / "local" / "tokens"


def test_what_was_issued_is_listed_the_last_first(call, account, function, monkeypatch):
    claims = []
    for ago_s, name in ((60, "nora"), (0, None)):
        monkeypatch.setattr("pycape._client_base.now_ms", lambda s=ago_s: now_ms() - 1000 * s)
        claims.append(call("create_token", function, name=name, expires="12h").inspect())
    listed = call("tokens")
    assert [each.name for each in listed] == [None, "nora"]
    for token, said in zip(reversed(listed), claims, strict=True):
        assert isinstance(token, IssuedToken)
        for field in ("account", "jti", "name", "issued_at", "expires"):
            assert getattr(token, field) == getattr(said, field), field
        assert (token.function.id, token.function.checksum) == (function, said.checksum)
        assert token.function.full_name == f"{account.id}/tally"
        assert token.state == "valid"


def test_nothing_of_a_tokens_text_is_kept(call, function, path):
    token = call("create_token", function, name="nora").raw
    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.read_text()
    assert not any(part in kept for part in token.split("."))
    assert token not in repr(call("tokens"))


def test_others_accounts_and_other_platforms_have_lists_of_their_own(
    call, function, tmp_path, monkeypatch
):
    call("create_token", function)
    assert call("tokens", profile="other") == []
    monkeypatch.setenv("CAPE_ACCOUNT_KEY_FILE", str(tmp_path / "other.key"))
    assert call("tokens") == []
    monkeypatch.delenv("CAPE_ACCOUNT_KEY_FILE")
    assert len(call("tokens")) == 1


@pytest.mark.parametrize("what", ["token", "function"])
def test_what_was_revoked_elsewhere_is(call, account, function, script, what):
    claims = call("create_token", function).inspect()
    jtis, checksums = ([claims.jti], []) if what == "token" else ([], [claims.checksum])
    text = account.sign_revocations(4, jtis, checksums, now_ms())
    script.answers[f"GET /v2/revocations/{account.id}"] = answer(200, {"list": text})
    [listed] = call("tokens")
    assert listed.state == "revoked"


def test_what_is_listed_can_be_revoked(call, account, function, script):
    script.answers[f"PUT /v2/revocations/{account.id}"] = answer(200, {})
    call("create_token", function)
    [listed] = call("tokens")
    assert call("revoke", tokens=[listed]) == 1
    published = _core.RevocationList.verify(script.requests[-1].content.decode())
    assert published.jtis == [listed.jti]
    # A directory that does not show the list takes nothing back.
    assert [each.state for each in call("tokens")] == ["revoked"]


def test_an_expired_one_is_listed_for_thirty_days(account, path, monkeypatch):
    known, start, clock = KnownTokens(path), now_ms(), _known_tokens.now_ms
    claims = Token(account.sign_token("ab" * 32, 60, "old", start - 1000 * 61)).inspect()
    known.remember(claims, "tally")
    [listed] = known.issued_by(account.id, None)
    assert (listed.name, listed.state) == ("old", "expired")
    for ago_s, name in ((30 * DAY_S + 61, "forgotten"), (30 * DAY_S + 30, "nearly")):
        text = account.sign_token("ab" * 32, 60, name, start - 1000 * ago_s)
        known.remember(Token(text).inspect(), "tally")
    assert {each.name for each in known.issued_by(account.id, None)} == {"old", "nearly"}
    monkeypatch.setattr(_known_tokens, "now_ms", lambda: clock() + 1000 * 60)
    assert {each.name for each in known.issued_by(account.id, None)} == {"old"}


def test_beyond_the_most_those_that_end_first_are_forgotten(account, path, monkeypatch):
    monkeypatch.setattr(_known_tokens, "_MOST", 3)
    known = KnownTokens(path)
    for seconds in (400, 100, 300, 200, 500):
        text = account.sign_token("ab" * 32, seconds, str(seconds), now_ms())
        known.remember(Token(text).inspect(), "tally")
    assert {each.name for each in known.issued_by(account.id, None)} == {"300", "400", "500"}


@pytest.mark.parametrize("content", ["", "[]", "{", '"x"'])
def test_a_damaged_file_is_told_and_kept(call, function, path, caplog, content):
    path.parent.mkdir(parents=True)
    path.write_text(content)
    token = call("create_token", function)
    assert f"the token {token.inspect().jti} is not listed: {path} is damaged" in caplog.text
    with pytest.raises(errors.ConfigError, match="damaged"):
        call("tokens")
    assert path.read_text() == content


@pytest.mark.parametrize(
    "change",
    [
        *({field: None} for field in ("account", "function", "checksum", "issued_at", "expires")),
        {"name": 5},
        {"function": "a/b"},
        {"checksum": "ab"},
        {"issued_at": -1},
        {"expires": 10**30},
        {"expires": True},
    ],
    ids=str,
)
def test_a_damaged_entry(call, function, path, change):
    call("create_token", function)
    [(jti, entry)] = json.loads(path.read_text()).items()
    path.write_text(json.dumps({jti: entry | change}))
    with pytest.raises(errors.ConfigError, match=f"damaged: the entry of {jti}"):
        call("tokens")
    path.write_text(json.dumps({jti: entry}))
    assert len(call("tokens")) == 1


def test_a_folder_that_cannot_be_written_keeps_no_token_back(call, function, path, caplog):
    path.mkdir(parents=True)
    token = call("create_token", function)
    assert f"the token {token.inspect().jti} is not listed: {path} cannot be read" in caplog.text


def issue(path, account_text: str) -> None:
    account = _core.Account.from_text(account_text)
    for _ in range(20):
        KnownTokens(path).remember(
            Token(account.sign_token("ab" * 32, 60, None, now_ms())).inspect(), "tally"
        )


def test_what_processes_issue_at_once_is_all_listed(account, path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=issue, args=(path, account.to_text())) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(KnownTokens(path).issued_by(account.id, None)) == 40


def test_without_a_platform_nothing_was_issued(tmp_path):
    for kind in (Cape, AsyncCape):
        with pytest.raises(errors.ConfigError, match="no platform is running"):
            result = kind().tokens()
            asyncio.run(_awaited(result))
    assert not list(tmp_path.rglob("account.key")), "no account was made for nobody"
