"""Functions that `pycape.function` decorates, here and in an enclave."""

import asyncio
import importlib.util
import shutil
import threading
from pathlib import Path

import msgpack
import numpy as np
import pytest
import serdio

import pycape
from pycape import AsyncCape, errors
from pycape.packaging import _function_side

from .conftest import hostile

SOURCE = """
    import asyncio
    import os
    import time
    from collections.abc import AsyncIterator, Iterator
    import pycape

    PROCESS = os.urandom(8)

    @pycape.function
    def total(numbers: tuple[int, ...], scale: int = 1) -> dict[str, int]:
        if not numbers:
            raise LookupError("there are no numbers")
        return {"total": sum(numbers) * scale}

    @pycape.function
    async def later(text: str) -> str:
        await asyncio.sleep(0)
        return text.upper()

    @pycape.function
    def upto(count: int, fail: bool = False) -> Iterator[tuple[int, bytes]]:
        for number in range(count):
            yield number, b"x" * number
        if fail:
            raise LookupError("that was all")

    @pycape.function
    async def letters(text: str) -> AsyncIterator[str]:
        for letter in text:
            await asyncio.sleep(0)
            yield letter

    @pycape.function
    def square(number: int) -> tuple[int, bytes]:
        if number == 13:
            raise LookupError("no")
        return number * number, PROCESS

    @pycape.function
    def sleep(seconds: float) -> None:
        time.sleep(seconds)
"""


@pytest.fixture
def app(folder_of, monkeypatch):
    """The module, and its folder as `__file__` tells: what it needs lies beside it."""
    folder = folder_of(SOURCE)
    shutil.copytree(Path(msgpack.__file__).parent, folder / "msgpack")
    spec = importlib.util.spec_from_file_location("app", folder / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def deployed(alice, app):
    """Deploy one of the functions of that module."""

    def deploy(function, client=alice):
        settings = f'name = "typed"\nhandler = "app:{function.__name__}"\n'
        Path(app.__file__).with_name("cape.toml").write_text(settings)
        return function.deploy(client)

    return deploy


def test_values_go_in_and_come_out(app, deployed):
    total = deployed(app.total)
    assert app.total((1, 2)) == {"total": 3}
    assert total.remote((1, 2)) == {"total": 3}
    assert total.remote(numbers=(1, 2), scale=4) == {"total": 12}
    assert repr(total).startswith("<RemoteFunction total at FunctionRef(")


def test_only_the_handler_of_a_folder_is_deployed(alice, app, deployed):
    with pytest.raises(errors.HandlerMissing, match="several typed functions: total, later"):
        app.total.deploy(alice)
    settings = Path(app.__file__).with_name("cape.toml")
    settings.write_text('handler = "app:later"\n')
    with pytest.raises(errors.ConfigError, match="is app:later, not total") as refused:
        app.total.deploy(alice)
    assert refused.value.hint == 'set handler = "app:total" in cape.toml'
    with pytest.raises(errors.ConfigError, match="no file defines len") as refused:
        pycape.function(len).deploy(alice)
    settings.write_text('handler = "app:len"\n')
    with pytest.raises(errors.HandlerMissing):
        pycape.function(len).deploy(alice, settings.parent)
    with pytest.raises(errors.PackagingError, match="there is no folder"):
        app.total.deploy(alice, "nowhere")
    with pytest.raises(TypeError, match="client is a Cape or an AsyncCape, not str"):
        app.total.deploy("alice")


def test_anybody_can_rebuild_one_with_the_same_pycape(alice, app, deployed, monkeypatch):
    folder, ref = Path(app.__file__).parent, deployed(app.total).ref
    assert alice.verify_function(folder, ref).handler == "app:total"
    monkeypatch.setattr(_function_side, "_FILES", _function_side._FILES[:-1])
    with pytest.raises(errors.ChecksumMismatch, match="bundle_sha256") as refused:
        alice.verify_function(folder, ref)
    assert "pycape's version" in refused.value.hint


def test_what_is_deployed_is_called_by_whoever_has_a_token(alice, bob, app, deployed):
    ref = deployed(app.total).ref
    token = alice.create_token(ref)
    assert app.total.on(bob, ref, token).remote((5,)) == {"total": 5}
    with pytest.raises(errors.PermissionDenied):
        app.total.on(bob, ref).remote((5,))


def test_arguments_that_do_not_fit_are_not_sent(alice, echo, app):
    total = app.total.on(alice, echo)
    for call in (total.remote, total.stream):
        with pytest.raises(TypeError, match=r"total\(\): missing a required argument: 'numbers'"):
            call()
        with pytest.raises(TypeError, match="object is no type of this format"):
            call((object(),))


def test_errors_of_the_function_are_its_own(app, deployed):
    with pytest.raises(errors.FunctionError, match="there are no numbers") as failed:
        deployed(app.total).remote(())
    assert failed.value.type == "LookupError"
    assert ", in total\n" in failed.value.traceback


def test_coroutines_are_awaited_in_the_enclave(app, deployed):
    later = deployed(app.later)
    assert later.remote("a") == asyncio.run(app.later("a")) == "A"
    assert [*later.stream("b")] == ["B"]


def test_generators_give_each_value_as_it_comes(alice, app, deployed):
    upto = deployed(app.upto)
    expected = [*app.upto(3)]
    assert upto.remote(3) == expected
    assert upto.remote(0) == []
    assert alice.run(upto.ref, None, 3, use_serdio=True) == expected
    with upto.stream(3) as stream:
        assert next(stream) == expected[0]
        assert [*stream] == expected[1:]
        assert stream.receipt is not None
        assert stream.usage["duration_us"] > 0
    with upto.stream(1_000_000) as endless:
        assert [next(endless) for _ in range(5)] == [*app.upto(5)]
    assert next(endless, None) is None
    assert deployed(app.letters).remote("abc") == ["a", "b", "c"]


def test_a_generator_that_fails_has_given_what_came_before(app, deployed):
    stream = deployed(app.upto).stream(2, fail=True)
    assert [next(stream), next(stream)] == [*app.upto(2)]
    with pytest.raises(errors.FunctionError, match="that was all"):
        next(stream)


def test_a_stream_that_is_cut_is_told(platform, tmp_path, app, deployed):
    ref = deployed(app.upto).ref
    begun = []

    def cut(_number, message):
        """Let values pass until some were taken."""
        return message if len(begun) < 2 else None

    with hostile(platform, tmp_path / "alice", to_client=cut) as client:
        stream = app.upto.on(client, ref).stream(1_000_000)
        with pytest.raises(errors.StreamTruncated):
            for value in stream:
                begun.append(value)
    assert begun[:2] == [*app.upto(2)]
    assert len(begun) < 1_000_000


def test_results_of_a_map_come_in_order(app, deployed):
    square = deployed(app.square)
    results = [*square.map(iter(range(12)), connections=3)]
    assert [number for number, _ in results] == [number**2 for number in range(12)]
    # A connection is a process of its own here.
    assert 1 < len({process for _, process in results}) <= 3
    total = deployed(app.total)
    assert [*total.map([(1,), (2,)], [3, 4, 5])] == [{"total": 3}, {"total": 8}]
    assert [*total.map([(1,), (2,)], kwargs={"scale": 2})] == [{"total": 2}, {"total": 4}]


def test_a_map_ends_with_the_first_error(app, deployed):
    taken = []
    numbers = (taken.append(number) or number for number in range(100))
    results = deployed(app.square).map(numbers, connections=2, buffersize=3)
    assert [next(results)[0] for _ in range(13)] == [number**2 for number in range(13)]
    with pytest.raises(errors.FunctionError) as failed:
        next(results)
    assert failed.value.details["index"] == "13"
    assert failed.value.__notes__[-1] == "in call 13 of the map"
    assert next(results, None) is None
    assert 13 < len(taken) <= 16


def test_a_map_that_is_left_ends_what_it_began(app, deployed):
    """Its calls would run for the function's time otherwise, and the test with them."""
    sleeping = deployed(app.sleep).map([0, 50, 50, 50], connections=2)
    next(sleeping)
    sleeping.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("pycape-map")]


def test_the_async_client_does_the_same(platform, app, deployed, alice, tmp_path):
    async def check():
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            upto = await deployed(app.upto, cape)
            assert await upto.remote(2) == [*app.upto(2)]
            async with upto.stream(2) as stream:
                assert [value async for value in stream] == [*app.upto(2)]
                assert stream.receipt is not None

            square = await deployed(app.square, cape)

            async def numbers():
                for number in range(8):
                    yield number

            for iterable in (range(8), numbers()):
                results = [each async for each in square.map(iterable, connections=2)]
                assert [number for number, _ in results] == [number**2 for number in range(8)]
                assert len({process for _, process in results}) == 2
            with pytest.raises(errors.FunctionError) as failed:
                _ = [each async for each in square.map([1, 13, 2])]
            assert failed.value.details["index"] == "1"
            with pytest.raises(TypeError, match="missing a required argument"):
                await square.remote()

            sleeping = (await deployed(app.sleep, cape)).map([0, 50, 50], connections=2)
            await anext(sleeping)
            await sleeping.aclose()

    asyncio.run(check())


def test_the_first_systems_decorator_alone_does_too(alice, folder_of):
    folder = folder_of(
        """
        import serdio

        @serdio.lift_io
        def cape_handler(a, b):
            return a * b
        """
    )
    for package in (serdio, msgpack):
        shutil.copytree(Path(package.__file__).parent, folder / package.__name__)
    product = alice.deploy(folder, name="product")
    assert alice.run(product, None, 6, 7, use_serdio=True) == 42


@pytest.mark.network
def test_arrays_go_in_and_come_out(alice, folder_of):
    """With what packaging adds and fetches, and handler and folder found by themselves."""
    folder = folder_of(
        """
        import numpy as np
        import pycape

        @pycape.function
        def normalised(array: np.ndarray) -> np.ndarray:
            return (array - array.mean()) / array.std()
        """
    )
    (folder / "requirements.txt").write_text("numpy\n")
    spec = importlib.util.spec_from_file_location("arrays", folder / "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    array = np.random.default_rng(1).normal(size=(300, 1000))
    normalised = module.normalised.deploy(alice, name="arrays")
    np.testing.assert_array_equal(normalised.remote(array), module.normalised(array))
    [streamed] = normalised.stream(array)
    np.testing.assert_array_equal(streamed, module.normalised(array))
