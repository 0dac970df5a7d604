"""What type checkers have to make of `pycape.function`; nothing here runs.

A line that ends in `# refused` is an error to them, and no other line is.
"""

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any, assert_type

import numpy as np

import pycape
from pycape import AsyncCape, Cape


@pycape.function
def mean(values: list[float], digits: int = 2) -> float:
    return round(sum(values) / len(values), digits)


@pycape.function
async def later(text: str) -> str:
    return text


@pycape.function
def upto(count: int) -> Iterator[tuple[int, bytes]]:
    yield count, b""


@pycape.function
def stub(count: int) -> Generator[int, None, None]:
    raise NotImplementedError


@pycape.function
async def letters(text: str) -> AsyncIterator[str]:
    yield text


@pycape.function(serde_hooks=(lambda value: value, lambda value: value))
def named(*, name: str) -> bytes:
    return name.encode()


@pycape.function
def halved(array: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return array / 2


class Shop:
    @pycape.function
    def total(self, number: int) -> float:
        return 1.5 * number


def called_here() -> None:
    assert_type(Shop().total(2), float)
    assert_type(Shop.total(Shop(), 2), float)
    Shop().total("two")  # refused
    assert_type(mean([1.0]), float)
    assert_type(upto(1), Iterator[tuple[int, bytes]])
    assert_type(letters("a"), AsyncIterator[str])
    assert_type(named(name="a"), bytes)
    assert_type(halved(np.ones(3)), np.ndarray[Any, np.dtype[np.float64]])
    mean(["a"])  # refused
    mean([1.0], unknown=1)  # refused
    named("a")  # refused


def called_there(cape: Cape) -> None:
    remote = mean.on(cape, "FUNCTION", "TOKEN")
    assert_type(remote.remote([1.0], digits=1), float)
    assert_type(mean.deploy(cape).remote([1.0]), float)
    assert_type(later.on(cape, "FUNCTION").remote("a"), str)
    assert_type(upto.on(cape, "FUNCTION").remote(1), list[tuple[int, bytes]])
    assert_type(stub.on(cape, "FUNCTION").remote(1), list[int])
    assert_type(named.on(cape, "FUNCTION").remote(name="a"), bytes)
    for value in upto.on(cape, "FUNCTION").stream(1):
        assert_type(value, tuple[int, bytes])
    with letters.on(cape, "FUNCTION").stream("a") as stream:
        assert_type(next(stream), str)
    remote.remote("text")  # refused
    remote.remote()  # refused
    remote.remote([1.0], unknown=1)  # refused
    remote.stream(1)  # refused
    mean.on(None, "FUNCTION")  # refused


def mapped(cape: Cape) -> None:
    remote = mean.on(cape, "FUNCTION")
    assert_type([*remote.map([[1.0]], connections=2)], list[float])
    assert_type([*remote.map([[1.0]], [1])], list[float])
    assert_type([*remote.map([[1.0]], kwargs={"digits": 1})], list[float])
    remote.map([1, 2])  # refused
    remote.map()  # refused


async def awaited(cape: AsyncCape) -> None:
    assert_type(await later("a"), str)
    remote = mean.on(cape, "FUNCTION", "TOKEN")
    assert_type(await remote.remote([1.0]), float)
    assert_type(await (await mean.deploy(cape)).remote([1.0]), float)
    assert_type([value async for value in remote.map([[1.0]])], list[float])
    async with letters.on(cape, "FUNCTION").stream("a") as stream:
        assert_type(await anext(stream), str)
    assert_type(await later.on(cape, "FUNCTION").remote("a"), str)
    remote.map([1, 2])  # refused
    await remote.remote("text")  # refused
