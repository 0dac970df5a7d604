"""The names of pycape and serdio 3.1.1, with their arguments in its order and with its defaults."""

import inspect
import re
from pathlib import Path

import click
import pytest

import pycape
from pycape import AsyncCape, Cape, FunctionRef, Token, serde
from pycape.cli._main import cape
from pycape.experimental import cli

from .doubles import URL


def client(url=None, verbose=False): ...
def close(): ...
def connect(function_ref, token, pcrs=None): ...
def encrypt(input, *, username=None, key=None, key_path=None): ...  # noqa: A002
def function(identifier, *, checksum=None): ...
def function_context(function_ref, token, pcrs=None): ...
def invoke(*args, serde_hooks=None, use_serdio=False, **kwargs): ...
def key(*, username=None, key_path=None, pcrs=None): ...
def run(function_ref, token, *args, pcrs=None, serde_hooks=None, use_serdio=False, **kwargs): ...
def token(token): ...


def function_ref(id=None, name=None, checksum=None): ...  # noqa: A002
def from_json(function_json): ...
def to_json(path=None): ...
def token_of(token): ...
def from_disk(location): ...
def to_disk(location): ...
def deploy(deploy_path, url=None, public=False): ...
def create(name=None, description=None, expiry=None): ...


def serialize(*args, encoder=None, **kwargs): ...
def deserialize(serdio_bytes, decoder=None, as_signature=False): ...
def bundle_serde_hooks(hook_bundle): ...
def hook_bundle(encoder_hook, decoder_hook): ...


# By position all is the same; by name this is what became of these.
RENAMED = {"function_ref": "function", "serdio_bytes": "data"}


REF = FunctionRef(name="user/name")

PAIRS = [
    *((Kind, client) for Kind in (Cape, AsyncCape)),
    *(
        (getattr(Kind(URL), old.__name__), old)
        for Kind in (Cape, AsyncCape)
        for old in (
            *(close, connect, encrypt, function, function_context),
            *(invoke, key, run, token),
        )
    ),
    (FunctionRef, function_ref),
    (FunctionRef.from_json, from_json),
    (REF.to_json, to_json),
    (Token, token_of),
    (Token.from_disk, from_disk),
    (Token("x").to_disk, to_disk),
    (cli.deploy, deploy),
    (cli.token, create),
    (serde.serialize, serialize),
    (serde.deserialize, deserialize),
    (serde.bundle_serde_hooks, bundle_serde_hooks),
    (serde.SerdeHookBundle, hook_bundle),
]


@pytest.mark.parametrize(("ours", "old"), PAIRS, ids=lambda each: each.__qualname__)
def test_old_arguments_mean_the_same(ours, old):
    new = inspect.signature(ours).parameters
    for position, (old_name, parameter) in enumerate(inspect.signature(old).parameters.items()):
        name = RENAMED.get(old_name, old_name)
        assert new[name].kind == parameter.kind
        assert new[name].default == parameter.default
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            assert list(new)[position] == name


@pytest.mark.parametrize(("ours", "old"), PAIRS, ids=lambda each: each.__qualname__)
def test_new_arguments_are_by_name_and_have_defaults(ours, old):
    known = {RENAMED.get(name, name) for name in inspect.signature(old).parameters}
    for name, parameter in inspect.signature(ours).parameters.items():
        if name not in known:
            assert parameter.kind is parameter.KEYWORD_ONLY
            assert parameter.default is not parameter.empty


def test_the_attributes_of_references_and_tokens():
    ref = FunctionRef(None, "user/name", "ab" * 32)
    assert (ref.id, ref.user, ref.name) == (None, "user", "name")
    assert (ref.full_name, ref.checksum) == ("user/name", "ab" * 32)
    assert (Token("x").token, Token("x").raw) == ("x", "x")


def test_names_are_for_typed_arguments_and_nothing_is_sent():
    cape = Cape(URL)
    for call in (lambda **kw: cape.run(REF, "x", b"x", **kw), lambda **kw: cape.invoke(b"x", **kw)):
        with pytest.raises(TypeError, match=r"named arguments \(y, z\) take use_serdio=True"):
            call(y=1, z=2)
        with pytest.raises(TypeError, match="object is no type of this format"):
            call(use_serdio=True, y=object())
        with pytest.raises(TypeError, match="hooks are a pair"):
            call(serde_hooks=print)


def test_public_functions_are_no_more():
    with pytest.raises(ValueError, match="give a token"):
        cli.deploy("folder", public=True)


def test_a_token_needs_a_function(monkeypatch):
    monkeypatch.setattr(cli, "_deployed", {})
    with pytest.raises(ValueError, match="name it"):
        cli.token("name", "description", "3600")


def test_the_version_is_not_the_first_systems():
    assert pycape.__version__.startswith("4.")


def test_the_page_for_its_users_says_what_became_of_each_name():
    """Functions with all their arguments, variables, commands."""
    page = (Path(__file__).parents[2] / "docs/guide/migration.md").read_text("utf-8")
    told = "\n".join(re.findall(r"^\| (.+?) \|", page, re.MULTILINE))
    for kind in (connect, encrypt, function_context, invoke, key, run, function, token):
        signature = str(inspect.signature(kind))
        assert f"`Cape.{kind.__name__}{signature}`" in told
    for text in (
        *("pycape.Cape", "FunctionRef", "Token", "CAPE_ENCLAVE_HOST", "CAPE_LOCAL_CONFIG_DIR"),
        *("CAPE_DEV_DISABLE_SSL", "CAPE_LOCAL_AUTH_FILENAME", "CAPE_LOCAL_CAPE_KEY_FILENAME"),
        *("id", "name", "user", "full_name", "checksum", "token", "raw"),
        *(f"cape {name}" for name in ("login", "signup", "key", "list", "get-pcrs", "config")),
        *("cape token list", "cape token delete", "cape function create", "--pcr 0:HEX"),
        f"cli.deploy{inspect.signature(deploy)}",
        f"cli.token{inspect.signature(create)}",
        f"serdio.serialize{inspect.signature(serialize)}",
        f"serdio.deserialize{inspect.signature(deserialize)}",
        f"serdio.bundle_serde_hooks{inspect.signature(bundle_serde_hooks)}",
    ):
        assert f"`{text}`" in told, text


def test_an_option_that_the_page_says_is_the_same_is_there():
    """Of each command that the row names."""
    page = (Path(__file__).parents[2] / "docs/guide/migration.md").read_text("utf-8")
    told = re.search(r"^\| `--pcr 0:HEX` \| the same, of (.+?), in place", page, re.MULTILINE)[1]
    commands = re.findall(r"`cape (.+?)`", told)
    assert len(commands) == 3
    for words in commands:
        command = cape
        for word in words.split():
            command = command.get_command(click.Context(command), word)
        assert "--pcr" in {spelling for each in command.params for spelling in each.opts}
