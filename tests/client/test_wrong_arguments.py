"""An argument of the wrong type is told by its name, with what is wanted and what was given."""

import asyncio
import inspect
import io

import pytest

import pycape
from pycape import AsyncCape, Cape, Timeout, Token, attestation, envelope, keys, policy

from .doubles import URL

KEY = keys.PrivateKey.generate("x25519")
POLICY = policy.Policy([policy.Release({0: b"\x01" * 48})])

CALLS = {
    "timeout `connect` is a number of seconds or None, not str": lambda _: Timeout("x"),
    "timeout `idle` is a number of seconds or None, not list": lambda _: Timeout(idle=[]),
    "a recipient is a user name, an account id or a public key, not int": (
        lambda cape: cape.encrypt(b"", recipient=5)
    ),
    "input is bytes, or another contiguous buffer, not NoneType": lambda cape: cape.encrypt(None),
    "input is bytes, not str: encode the text, for example .encode()": (
        lambda cape: cape.encrypt("text")
    ),
    "key_path is a path, not int": lambda cape: cape.encrypt(b"", key_path=5),
    "functions is a list, not int": lambda cape: cape.encrypt(b"", functions=5),
    "context is a mapping, not int": lambda cape: cape.encrypt(b"", context=5),
    "tokens is a list, not int": lambda cape: cape.revoke(tokens=5),
    "source is a path, not int": lambda cape: cape.decrypt_file(5, "to", KEY),
    "progress is a function, not int": (
        lambda cape: cape.decrypt_stream(io.BytesIO(), io.BytesIO(), KEY, progress=5)
    ),
    "config_dir is a path, not int": lambda cape: type(cape)(config_dir=5),
    "ca_file is a path, not int": lambda cape: type(cape)(ca_file=5),
    "location is a path, not int": lambda _: Token.from_disk(5),
    "path is a path, not NoneType": lambda _: policy.load(None),
    "size is a number of bytes, not str": lambda _: envelope.sealed_size("5", [KEY.public_key]),
    "max_age is a timedelta, not int": (
        lambda _: attestation.verify(b"", policy=POLICY, nonce=None, max_age=5)
    ),
    "folder is a path, not int": lambda _: pycape.package(
        5, python="3.11", platform="x86_64-manylinux_2_28"
    ),
    "max_size is a number of bytes, not str": lambda _: pycape.package(
        ".", python="3.11", platform="x86_64-manylinux_2_28", max_size="1"
    ),
    'pcrs has the form {"0": ["hex", ...]}: a list of alternatives each': (
        lambda cape: type(cape)(URL, policy=POLICY).key(pcrs={"0": 5})
    ),
    "details is a mapping, not bool": lambda _: pycape.errors.NotFound("x", details=True),
}


@pytest.mark.parametrize("kind", [Cape, AsyncCape])
@pytest.mark.parametrize("words", CALLS)
def test_what_is_wrong_is_told(kind, words):
    async def called():
        found = CALLS[words](kind(URL))
        return await found if inspect.isawaitable(found) else found

    with pytest.raises(TypeError) as refused:
        asyncio.run(called())
    assert str(refused.value) == words


@pytest.mark.parametrize("kind", [Cape, AsyncCape])
@pytest.mark.parametrize(
    ("pcrs", "words"),
    [
        ({"0": []}, "pcrs has no alternative for register 0: nothing would fit"),
        ({0: ()}, "pcrs has no alternative for register 0: nothing would fit"),
        ({"PCR0": ["ab" * 48]}, "pcrs names registers by their numbers, not 'PCR0'"),
        ({-1: ["ab" * 48]}, "pcrs names registers by their numbers, not -1"),
    ],
)
def test_pcrs_that_name_nothing_are_told(kind, pcrs, words):
    async def called():
        found = kind(URL, policy=POLICY).key(pcrs=pcrs)
        return await found if inspect.isawaitable(found) else found

    with pytest.raises(ValueError, match=f"^{words}$"):
        asyncio.run(called())


@pytest.mark.parametrize("opened", ["client", "function_context"])
def test_a_with_of_the_other_client_is_told(opened):
    def of(client):
        return client if opened == "client" else client.function_context("user/name", "token")

    async def entered():
        async with of(Cape(URL)):
            pass

    with pytest.raises(TypeError, match=r"^`async with` takes an AsyncCape, or .* not (Cape|Func)"):
        asyncio.run(entered())
    with (
        pytest.raises(TypeError, match=r"^Async\w+ is entered by `async with`, not by `with`$"),
        of(AsyncCape(URL)),
    ):
        pass
