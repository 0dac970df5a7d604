"""A client without a platform, and one without a policy: what it says, and what it does not do."""

import asyncio
import inspect

import pytest

from pycape import AsyncCape, Cape, envelope, errors
from pycape.keys import PrivateKey

from .doubles import URL, AsyncScriptedTransport, Script, ScriptedTransport, any_policy

KEY = PrivateKey.generate("x25519")
CLIENTS = pytest.mark.parametrize("kind", [Cape, AsyncCape])

# What reaches an enclave.
CALLS = {
    "attest": (),
    "call": ("cape1/echo", None, b"x"),
    "connect": ("cape1/echo", None),
    "encrypt": (b"x",),
    "key": (),
    "run": ("cape1/echo", None, b"x"),
}


def outcome(client, name: str, *arguments, **options):
    """Call a method of either client."""
    result = getattr(client, name)(*arguments, **options)
    return asyncio.run(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(awaitable):
    return await awaitable


@CLIENTS
def test_encrypt_with_nothing_running_names_the_command_that_makes_it_work(kind, tmp_path):
    with pytest.raises(errors.ConfigError, match="no platform is running") as raised:
        outcome(kind(), "encrypt", b"hello")
    assert "`cape dev` starts a local platform" in raised.value.hint
    assert "`cape keys generate` gives a key of your own" in raised.value.hint
    assert not list(tmp_path.rglob("account.key")), "no account was made for nobody"


@CLIENTS
def test_encrypt_for_a_key_of_ones_own_needs_nothing(kind, tmp_path):
    ciphertext = outcome(kind(), "encrypt", b"hello", recipient=KEY.public_key)
    assert envelope.open(ciphertext, KEY) == b"hello"
    assert not list(tmp_path.iterdir())


@CLIENTS
def test_a_key_in_a_file_is_not_one_that_pcrs_vouch_for(kind, tmp_path):
    path = tmp_path / "cape.key"
    path.write_text(KEY.public_key.to_text())
    assert outcome(kind(), "key", key_path=path) == KEY.public_key.to_text().encode()
    with pytest.raises(errors.ConfigError, match="no platform is running"):
        outcome(kind(), "key", key_path=path, pcrs={"0": ["00" * 48]})
    assert path.read_text() == KEY.public_key.to_text()


@CLIENTS
def test_a_platform_that_is_not_running(kind):
    with pytest.raises(errors.ConnectFailed) as raised:
        outcome(kind(URL, policy=any_policy(), max_retries=0), "encrypt", b"hello")
    assert "`cape dev`" in raised.value.hint


@CLIENTS
@pytest.mark.parametrize("name", CALLS)
def test_without_a_policy_nothing_is_asked_and_nothing_is_sent(kind, name, tmp_path):
    script = Script()
    transport = {Cape: ScriptedTransport, AsyncCape: AsyncScriptedTransport}[kind](script)
    with pytest.raises(errors.PolicyRequired) as raised:
        outcome(kind(URL, transport=transport), name, *CALLS[name])
    assert "cape join" in raised.value.hint
    assert not script.requests
    assert not transport.connects
    assert not list(tmp_path.iterdir())
