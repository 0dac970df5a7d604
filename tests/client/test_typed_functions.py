"""What `pycape.function` makes of a function, without an enclave: here, and as a handler."""

import asyncio
import copy
import inspect
import multiprocessing
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycape
from pycape import AsyncCape, Cape, errors, serde
from pycape._typed_call import TypedCall


@pycape.function
def weighted(numbers: list[float], *, weight: float = 1.0, encoder: str = "") -> tuple[float, str]:
    """Add numbers up."""
    return sum(numbers) * weight, encoder


@pycape.function
async def later(value: object) -> object:
    await asyncio.sleep(0)
    return value


@pycape.function
def each(*values: object) -> Iterator[object]:
    yield from values


@pycape.function
async def letters(text: str):
    for letter in text:
        await asyncio.sleep(0)
        yield letter


def through_a_handler(function, *args, **kwargs):
    """Call it as an enclave does, and read the answer as a caller does."""
    call = TypedCall(function.__wrapped__, None)
    answer = function.as_cape_handler()(call.arguments(args, kwargs))
    if inspect.isawaitable(answer):
        answer = asyncio.run(as_coroutine(answer))
    if hasattr(answer, "__anext__"):
        answer = asyncio.run(collected(answer))
    return call.value(answer if isinstance(answer, bytes) else b"".join(answer))


async def as_coroutine(awaitable):
    return await awaitable


async def collected(values):
    return [value async for value in values]


def test_it_is_still_the_function_that_it_was():
    assert weighted([1, 2], weight=2) == (6, "")
    assert (weighted.__name__, weighted.__doc__) == ("weighted", "Add numbers up.")
    assert weighted.__module__ == __name__
    assert list(inspect.signature(weighted).parameters) == ["numbers", "weight", "encoder"]
    assert repr(weighted) == "<pycape.function weighted>"
    assert asyncio.run(later(1)) == 1
    assert [*each(1, 2)] == [1, 2]
    with pytest.raises(TypeError, match="a function is decorated, not int"):
        pycape.function(3)


def test_unbound_it_says_what_has_to_come_before():
    for method in ("remote", "stream", "map"):
        with pytest.raises(errors.ConfigError, match=f"weighted.{method}: nobody said") as refused:
            getattr(weighted, method)([1.0])
        assert f"weighted.on(Cape(), FUNCTION, TOKEN).{method}(...)" in refused.value.hint


def test_it_is_bound_to_a_client_a_function_and_a_token():
    for client in (Cape(), AsyncCape()):
        bound = weighted.on(client, "user/name")
        assert repr(bound) == f"<{type(bound).__name__} weighted at FunctionRef(name='user/name')>"
        with pytest.raises(ValueError, match="nothing"):
            weighted.on(client, "nothing")
    with pytest.raises(TypeError, match="client is a Cape or an AsyncCape, not str"):
        weighted.on("cape", "user/name")


def test_functions_are_known_for_what_they_are():
    assert inspect.iscoroutinefunction(later)
    assert inspect.isgeneratorfunction(each)
    assert inspect.isasyncgenfunction(letters)
    assert not inspect.iscoroutinefunction(weighted)
    assert not inspect.isgeneratorfunction(letters)
    assert not inspect.iscoroutinefunction(pycape.function(print))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_function_goes_to_other_processes_as_functions_do(protocol):
    assert pickle.loads(pickle.dumps(weighted, protocol)) is weighted  # noqa: S301
    assert copy.copy(weighted) is copy.deepcopy(weighted) is weighted
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(pycape.function(lambda: None), protocol)


def test_a_pool_of_processes_calls_a_function():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(weighted, [1, 2], weight=2).result() == (6, "")


class Shop:
    """Sells at a price."""

    def __init__(self, price):
        self.price = price

    @pycape.function
    def total(self, number, *, off=0):
        return self.price * number - off

    @pycape.function
    async def later(self, number):
        return self.price * number

    @staticmethod
    @pycape.function
    def doubled(number):
        return 2 * number


def test_a_method_binds():
    shop = Shop(3)
    assert shop.total(2, off=1) == Shop.total(shop, 2, off=1) == 5
    assert asyncio.run(shop.later(2)) == 6
    assert inspect.iscoroutinefunction(shop.later)
    assert shop.doubled(2) == Shop.doubled(2) == 4
    assert isinstance(Shop.total, pycape.TypedFunction)


def test_an_enclave_is_given_the_object_of_a_method():
    hooks = (vars, lambda fields: Shop(**fields) if "price" in fields else fields)
    total = pycape.function(serde_hooks=hooks)(Shop.total.__wrapped__)
    call = TypedCall(total.__wrapped__, hooks)
    assert call.value(total.as_cape_handler()(call.arguments((Shop(3), 2), {}))) == 6


def test_what_an_enclave_gives_is_what_a_call_here_gives():
    assert through_a_handler(weighted, [1, 2], weight=2, encoder="a name") == (6, "a name")
    assert through_a_handler(later, {"a": (1,)}) == {"a": (1,)}
    assert through_a_handler(each) == []
    assert through_a_handler(each, 1, (2,), b"3") == [1, (2,), b"3"]
    assert through_a_handler(letters, "abc") == ["a", "b", "c"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
    | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(values))
def test_any_values_are_those_of_a_call_here(given_values):
    for value in given_values:
        assert through_a_handler(later, value) == value
    assert through_a_handler(each, *given_values) == [*each(*given_values)]


def test_arguments_are_checked_as_by_a_call():
    call = TypedCall(weighted.__wrapped__, None)
    for args, kwargs, said in [
        ((), {}, r"weighted\(\): missing a required argument: 'numbers'"),
        (([], 1), {}, r"weighted\(\): too many positional arguments"),
        (([],), {"scale": 1}, r"weighted\(\): got an unexpected keyword argument 'scale'"),
    ]:
        with pytest.raises(TypeError, match=said):
            call.arguments(args, kwargs)
        with pytest.raises(TypeError):
            weighted(*args, **kwargs)


def test_input_that_is_no_arguments_is_told():
    handler = weighted.as_cape_handler()
    for data in (b"", b"text", b'{"numbers": []}', b"\xc1", b"\x89PNG", serde.serialize(1)[:4]):
        with pytest.raises(ValueError, match=r"^this function takes typed values, .*\.remote\("):
            handler(data)
    with pytest.raises(ValueError, match="the input is no arguments, and this function takes"):
        handler(serde.serialize(1)[:-1])


def test_hooks_hold_for_both_sides():
    @pycape.function(serde_hooks=(lambda value: {"text": str(value)}, lambda value: value))
    def named(value):
        assert value == {"text": "1 / 2"}
        return Ratio(3)

    class Ratio:
        def __init__(self, numerator):
            self.numerator = numerator

        def __str__(self):
            return f"{self.numerator} / 2"

    call = TypedCall(named.__wrapped__, named._serde_hooks)
    answer = named.as_cape_handler()(call.arguments((Ratio(1),), {}))
    assert call.value(answer) == {"text": "3 / 2"}
    with pytest.raises(ValueError, match="hooks are a pair, not 1"):
        pycape.function(serde_hooks=(str,))(weighted.__wrapped__).as_cape_handler()


def test_an_array_is_copied_once_each_way():
    @pycape.function
    def doubled(array):
        array.flags.writeable  # noqa: B018 - a view of the input
        return array

    array = np.ones(4_000_000)
    call = TypedCall(doubled.__wrapped__, None)
    handler = doubled.as_cape_handler()
    tracemalloc.start()
    try:
        arguments = call.arguments((array,), {})
        assert tracemalloc.get_traced_memory()[1] < 1.1 * array.nbytes
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        answer = handler(arguments)
        assert tracemalloc.get_traced_memory()[1] - before < 1.1 * array.nbytes
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        got = call.value(answer)
        assert tracemalloc.get_traced_memory()[1] - before < 0.1 * array.nbytes
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(got, array)


def test_an_enclave_loads_nothing_that_a_caller_needs():
    code = (
        "import sys, pycape; pycape.function(print).as_cape_handler();"
        "print(*sys.modules.keys() & {'inspect', 'dataclasses', 'asyncio', 'json',"
        " 'pycape._typed_call', 'pycape._core', 'pycape.errors'})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
