"""The names of pycape 3.1.1, with their arguments in its order and with its defaults."""

import inspect

import pytest

import pycape
from pycape import AsyncCape, Cape, FunctionRef, Token
from pycape.experimental import cli

from .doubles import URL


def client(url=None, verbose=False): ...
def close(): ...
def connect(function, token, pcrs=None): ...
def encrypt(input, *, username=None, key=None, key_path=None): ...  # noqa: A002
def function(identifier, *, checksum=None): ...
def function_context(function, token, pcrs=None): ...
def invoke(*args, serde_hooks=None, use_serdio=False, **kwargs): ...
def key(*, username=None, key_path=None, pcrs=None): ...
def run(function, token, *args, pcrs=None, serde_hooks=None, use_serdio=False, **kwargs): ...
def token(token): ...


def function_ref(id=None, name=None, checksum=None): ...  # noqa: A002
def from_json(function_json): ...
def to_json(path=None): ...
def token_of(token): ...
def from_disk(location): ...
def to_disk(location): ...
def deploy(deploy_path, url=None, public=False): ...
def create(name=None, description=None, expiry=None): ...


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
]


@pytest.mark.parametrize(("ours", "old"), PAIRS, ids=lambda each: each.__qualname__)
def test_old_arguments_mean_the_same(ours, old):
    new = inspect.signature(ours).parameters
    for position, (name, parameter) in enumerate(inspect.signature(old).parameters.items()):
        assert new[name].kind == parameter.kind
        assert new[name].default == parameter.default
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            assert list(new)[position] == name


@pytest.mark.parametrize(("ours", "old"), PAIRS, ids=lambda each: each.__qualname__)
def test_new_arguments_are_by_name_and_have_defaults(ours, old):
    known = inspect.signature(old).parameters
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
