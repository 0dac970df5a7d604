"""The sync and the async client: the same names, but for `await`."""

import inspect

import pytest

from pycape import AsyncCape, Cape
from pycape._async_function_context import AsyncFunctionContext
from pycape._async_remote_function import AsyncRemoteFunction
from pycape._function_context import FunctionContext
from pycape._output_stream import AsyncOutputStream, OutputStream
from pycape._remote_function import RemoteFunction
from pycape._value_stream import AsyncValueStream, ValueStream

PAIRS = [
    (Cape, AsyncCape),
    (FunctionContext, AsyncFunctionContext),
    (OutputStream, AsyncOutputStream),
    (RemoteFunction, AsyncRemoteFunction),
    (ValueStream, AsyncValueStream),
]

# What does no I/O is the same in both, and awaited in neither.
WITHOUT_AWAIT = {
    "account_id",
    "function",
    "receipt",
    "ref",
    "token",
    "usage",
    "verified",
    "with_options",
}

# What is awaited is in what they give.
GIVE_STREAMS = {"map", "stream"}


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


METHODS = [
    pytest.param(sync, asynchronous, name, id=f"{sync.__name__}.{name}")
    for sync, asynchronous in PAIRS
    for name in sorted(public(sync) | public(asynchronous))
]


def parameters(function) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


@pytest.mark.parametrize(("sync", "asynchronous", "name"), METHODS)
def test_the_same_name_arguments_and_words(sync, asynchronous, name):
    one, other = getattr(sync, name), getattr(asynchronous, name)
    assert inspect.getdoc(one) == inspect.getdoc(other)
    if callable(one):
        assert parameters(one) == parameters(other)


@pytest.mark.parametrize(("sync", "asynchronous", "name"), METHODS)
def test_whatever_does_io_is_awaited(sync, asynchronous, name):
    one, other = getattr(sync, name), getattr(asynchronous, name)
    assert not inspect.iscoroutinefunction(one)
    if name == "function_context":
        assert inspect.isasyncgenfunction(inspect.unwrap(other))
    else:
        assert inspect.iscoroutinefunction(other) == (name not in WITHOUT_AWAIT | GIVE_STREAMS)


def test_constructors_differ_in_the_way_out_only():
    one, other = parameters(Cape), parameters(AsyncCape)
    assert [each.name for each in one] == [each.name for each in other]
    assert [each.default for each in one] == [each.default for each in other]
    differing = {a.name for a, b in zip(one, other, strict=True) if a != b}
    assert differing == {"transport"}
