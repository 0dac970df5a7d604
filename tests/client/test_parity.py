"""The sync and the async client: the same names, types and words, but for `await`."""

import inspect
import re
from typing import get_overloads

import pytest

from pycape import AsyncCape, Cape
from pycape._async_function_context import AsyncFunctionContext
from pycape._async_function_context_manager import AsyncFunctionContextManager
from pycape._async_remote_function import AsyncRemoteFunction
from pycape._function_context import FunctionContext
from pycape._function_context_manager import FunctionContextManager
from pycape._output_stream import AsyncOutputStream, OutputStream
from pycape._remote_function import RemoteFunction
from pycape._value_stream import AsyncValueStream, ValueStream

PAIRS = [
    (Cape, AsyncCape),
    (FunctionContext, AsyncFunctionContext),
    (FunctionContextManager, AsyncFunctionContextManager),
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
IN_WHAT_THEY_GIVE = {"function_context", "map", "stream"}


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


METHODS = [
    pytest.param(sync, asynchronous, name, id=f"{sync.__name__}.{name}")
    for sync, asynchronous in PAIRS
    for name in sorted(public(sync) | public(asynchronous))
]


# What types of the one are called in the other.
CALLED = {
    "Connection": "AsyncConnection",
    "FunctionContext": "AsyncFunctionContext",
    "FunctionContextManager": "AsyncFunctionContextManager",
    "Iterator": "AsyncIterator",
    "OutputStream": "AsyncOutputStream",
    "ValueStream": "AsyncValueStream",
}

# The same with await, by Python's own names.
PROTOCOLS = {
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "__iter__": "__aiter__",
    "__next__": "__anext__",
}


def parameters(function) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


@pytest.mark.parametrize(("sync", "asynchronous", "name"), METHODS)
def test_the_same_name_arguments_and_words(sync, asynchronous, name):
    one, other = getattr(sync, name), getattr(asynchronous, name)
    assert inspect.getdoc(one) == inspect.getdoc(other)
    if callable(one):
        assert parameters(one) == parameters(other)


def result(member) -> str:
    """Return the annotation of what a method or a property gives, in the async client's names."""
    function = member.fget if isinstance(member, property) else member
    said = str(inspect.signature(function).return_annotation)
    return re.sub(r"\b\w+\b", lambda word: CALLED.get(word[0], word[0]), said)


@pytest.mark.parametrize(("sync", "asynchronous", "name"), METHODS)
def test_the_same_results_and_ways_to_call(sync, asynchronous, name):
    one, other = getattr(sync, name), getattr(asynchronous, name)
    assert result(one) == result(other)
    if callable(one):
        ways = [(parameters(each), result(each)) for each in get_overloads(one)]
        assert ways == [(parameters(each), result(each)) for each in get_overloads(other)]


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS)
def test_the_classes_say_the_same_and_are_used_alike(sync, asynchronous):
    assert inspect.getdoc(sync) == inspect.getdoc(asynchronous)
    for name, awaited in PROTOCOLS.items():
        assert hasattr(sync, name) == hasattr(asynchronous, awaited)
        if hasattr(sync, name):
            one, other = getattr(sync, name), getattr(asynchronous, awaited)
            assert parameters(one) == parameters(other)
            assert result(one) == result(other)
            assert inspect.iscoroutinefunction(other) == (name != "__iter__")


def test_every_class_that_a_client_gives_is_compared():
    """By the annotations of what methods give: nothing async is without its like here."""
    given = {
        name
        for _, asynchronous in PAIRS
        for each in public(asynchronous)
        for name in re.findall(r"\bAsync\w+", result(getattr(asynchronous, each)))
    }
    assert given - {"AsyncIterator"} <= {asynchronous.__name__ for _, asynchronous in PAIRS}


@pytest.mark.parametrize(("sync", "asynchronous", "name"), METHODS)
def test_whatever_does_io_is_awaited(sync, asynchronous, name):
    one, other = getattr(sync, name), getattr(asynchronous, name)
    assert not inspect.iscoroutinefunction(one)
    assert inspect.iscoroutinefunction(other) == (name not in WITHOUT_AWAIT | IN_WHAT_THEY_GIVE)


def test_constructors_differ_in_the_way_out_only():
    one, other = parameters(Cape), parameters(AsyncCape)
    assert [each.name for each in one] == [each.name for each in other]
    assert [each.default for each in one] == [each.default for each in other]
    differing = {a.name for a, b in zip(one, other, strict=True) if a != b}
    assert differing == {"transport"}
