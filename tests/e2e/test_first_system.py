"""What a user of pycape 3.1.1 types, sync and with `await`."""

import asyncio
import json
import shutil
from pathlib import Path

import msgpack
import pytest
import serdio

from pycape import AsyncCape, Cape, FunctionRef, errors, policy
from pycape.demo import echo_folder
from pycape.experimental import cli

from .conftest import exactly, user


@pytest.fixture
def files(alice, echo, tmp_path):
    """The files that a function's owner gives to a caller."""
    alice.create_token(echo).to_disk(tmp_path / "user.token")
    echo.to_json(tmp_path / "function.json")
    return tmp_path


@pytest.fixture
def pcrs(platform):
    """The measurements of the platform, as the first system wrote them."""
    [release] = policy.Policy.from_toml(platform.profile.policy_toml).releases
    return {str(index): ["11" * 48, value.hex()] for index, value in release.pcrs.items()}


def test_connect_invoke_close(files, bob):
    cape = bob
    f = cape.function(str(files / "function.json"))
    t = cape.token(str(files / "user.token"))
    cape.connect(f, t)
    assert cape.invoke(b"3") == b"3"
    assert cape.invoke(b"4") == b"4"
    cape.close()
    with exactly(errors.ConfigError, match="no open connection"):
        cape.invoke(b"5")
    assert cape.run(f, t, b"5") == b"5"


def test_the_client_itself_invokes_inside_a_function_context(files, bob, pcrs):
    cape = bob
    with cape.function_context(files / "function.json", files / "user.token", pcrs):
        assert cape.invoke(b"3") == b"3"
        assert cape.invoke(b"4") == b"4"
    with exactly(errors.ConfigError):
        cape.invoke(b"5")


def test_the_same_with_await(platform, files, pcrs):
    user(platform, files / "carol")

    async def main() -> None:
        cape = AsyncCape(config_dir=files / "carol")
        f = cape.function(files / "function.json")
        t = cape.token(files / "user.token")
        await cape.connect(f, t, pcrs)
        assert await cape.invoke(b"1") == b"1"
        await cape.close()
        async with cape.function_context(f, t, pcrs=pcrs):
            assert await cape.invoke(b"2") == b"2"
        assert await cape.run(f, t, b"3", pcrs=pcrs) == b"3"
        ciphertext = await cape.encrypt(b"4", key=await cape.key(pcrs=pcrs))
        assert ciphertext.startswith(b"cape:")
        await cape.close()

    asyncio.run(main())


def test_alternatives_for_a_register(alice, echo, pcrs):
    assert alice.run(echo, None, b"x", pcrs=pcrs) == b"x"
    assert alice.run(echo, None, b"x", pcrs={"0": pcrs["0"]}) == b"x"
    with exactly(errors.PcrMismatch):
        alice.run(echo, None, b"x", pcrs={"0": ["11" * 48]})
    with exactly(errors.PcrMismatch):
        alice.key(pcrs={"0": ["11" * 48]}, kem="x25519")


def test_a_checksum_pins_the_function(alice, echo):
    f = alice.function(echo.id, checksum=echo.checksum)
    assert (f.id, f.checksum) == (echo.id, echo.checksum)
    assert alice.run(f, None, b"x") == b"x"
    with exactly(errors.ChecksumMismatch, match="does not have the checksum"):
        alice.function(echo.id, checksum="00" * 32)
    by_name = FunctionRef(None, echo.full_name, "00" * 32)
    with pytest.raises(errors.NotFound):
        alice.run(by_name, None, b"x")


def test_keys_are_kept_in_files_and_given_as_bytes(alice, bob, echo, tmp_path):
    key = alice.key(key_path=tmp_path / "cape.key")
    assert (tmp_path / "cape.key").read_bytes() == key == alice.key()
    assert bob.key(username=alice.account_id) == key
    for arguments in ({"key": key}, {"key_path": tmp_path / "cape.key"}):
        assert alice.run(echo, None, bob.encrypt(b"x", **arguments)) == b"x"
    with pytest.raises(ValueError, match="exclude"):
        alice.key(username="alice", key_path=tmp_path / "cape.key")
    with exactly(errors.KeyInvalid) as raised:
        alice.encrypt(b"x", key=b"\x30\x82\x02\x22")
    assert "SubjectPublicKeyInfo" in raised.value.hint


def test_deploy_and_token_of_the_experimental_module(platform, tmp_path, folder_of, monkeypatch):
    user(platform, tmp_path / "config")
    monkeypatch.setenv("CAPE_LOCAL_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.delenv("CAPE_CONFIG_DIR", raising=False)
    folder = folder_of("def cape_handler(input): return input[::-1]", name="reverse")
    with pytest.warns(FutureWarning, match="called CAPE_CONFIG_DIR now"):
        function_ref = cli.deploy(folder)
        token = cli.token(name="reverse", description="to try", expiry="300")
        with Cape() as cape:
            assert cape.run(function_ref, token, b"abc") == b"cba"
    assert json.loads(function_ref.to_json())["function_checksum"] == function_ref.checksum
    claims = token.inspect()
    assert (claims.name, claims.expires - claims.issued_at) == ("reverse", 300)


MEAN = """
import serdio

@serdio.lift_io(as_handler=True)
def cape_handler(x):
    return sum(x) / len(x)
"""


@pytest.fixture
def mean(alice, folder_of):
    """Its example of values, as it was: what the function imports lies beside it."""
    folder = folder_of(MEAN, name="mean")
    for package in (serdio, msgpack):
        shutil.copytree(Path(package.__file__).parent, folder / package.__name__)
    return alice.deploy(folder)


def test_its_examples_of_encrypting_and_of_values(files, alice, mean, bob):
    """Bob encrypts for the owner of a function, whom its reference names, and runs it."""
    cape = bob
    function_ref = cape.function(files / "function.json")
    token = cape.token(files / "user.token")
    for ciphertext in (
        cape.encrypt(b"Welcome to Cape", username=function_ref.user),
        cape.encrypt(b"Welcome to Cape", key=cape.key(username=function_ref.user)),
    ):
        assert cape.run(function_ref, token, ciphertext) == b"Welcome to Cape"
    assert alice.run(mean, alice.create_token(mean), [1, 2, 3, 4], use_serdio=True) == 2.5


def test_its_examples_with_await(files, mean, tmp_path):
    async def main() -> None:
        cape = AsyncCape(config_dir=tmp_path / "alice")
        function = cape.function(files / "function.json")
        token = cape.token(files / "user.token")
        echo_enc = await cape.encrypt(b"Welcome to Cape.", username=function.user)
        async with cape.function_context(function, token):
            result = await cape.invoke(echo_enc)
        assert result.decode() == "Welcome to Cape."
        # What `cli.deploy` and `cli.token` did where a loop was running.
        deployed = await cape.deploy(echo_folder(), name="deployed-with-await")
        fresh = await cape.create_token(deployed, name="pycape", expires=3600)
        assert await cape.run(deployed, fresh, b"x") == b"x"
        values = await cape.create_token(mean)
        assert await cape.run(mean, values, [1, 2, 3, 4], use_serdio=True) == 2.5
        await cape.close()

    asyncio.run(main())
