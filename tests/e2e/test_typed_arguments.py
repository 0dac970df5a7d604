"""Functions of the first system that take values: their decorator, and its callers' code."""

import asyncio
import shutil
from pathlib import Path

import msgpack
import numpy as np
import pytest
import serdio

from pycape import AsyncCape, errors, serde

HANDLER = """
    import serdio

    def encode(value):
        return {"total": value.total} if isinstance(value, Sum) else value

    class Sum:
        def __init__(self, total):
            self.total = total

    @serdio.lift_io(encoder_hook=encode, decoder_hook=lambda value: value, as_handler=True)
    def cape_handler(numbers, scale):
        assert isinstance(numbers, tuple)
        return Sum(sum(numbers) * scale), {scale}
"""
HOOKS = (lambda value: value, lambda value: value.get("total", value))


@pytest.fixture
def sums(alice, folder_of):
    """The folder of the talk: what the function imports lies beside it."""
    folder = folder_of(HANDLER)
    for package in (serdio, msgpack):
        shutil.copytree(Path(package.__file__).parent, folder / package.__name__)
    return alice.deploy(folder, name="sums")


def test_values_go_in_and_come_out(alice, sums):
    assert alice.run(sums, None, (1, 2), 3, use_serdio=True) == ({"total": 9}, {3})
    assert alice.run(sums, None, (1, 2), scale=4, use_serdio=True) == ({"total": 12}, {4})
    # Hooks alone say the same.
    assert alice.run(sums, None, (1, 2), 3, serde_hooks=HOOKS) == (9, {3})
    # A bundle of the package that old programs import.
    bundle = serdio.bundle_serde_hooks(HOOKS)
    assert alice.run(sums, None, (1, 2), 3, serde_hooks=bundle) == (9, {3})
    data = serdio.serialize((1, 2), 3)
    assert serdio.deserialize(alice.run(sums, None, data)) == ({"total": 9}, {3})
    with alice.function_context(sums, None):
        assert alice.invoke((1,), scale=2, use_serdio=True, serde_hooks=HOOKS) == (2, {2})
        with pytest.raises(errors.FunctionError, match="number of inputs 1") as failed:
            alice.invoke((1,), use_serdio=True)
        assert failed.value.type == "ValueError"
        assert alice.invoke((5,), 1, serde_hooks=HOOKS) == (5, {1})


def test_the_async_client_does_the_same(platform, alice, sums, tmp_path):
    async def check():
        async with AsyncCape(config_dir=tmp_path / "alice") as cape:
            assert await cape.run(sums, None, (1, 2), 3, use_serdio=True) == ({"total": 9}, {3})
            await cape.connect(sums, None)
            for hooks in (HOOKS, serdio.bundle_serde_hooks(HOOKS)):
                assert await cape.invoke((1, 2), scale=3, serde_hooks=hooks) == (9, {3})

    asyncio.run(check())


def test_arrays_pass_through_an_enclave(alice, echo):
    array = np.arange(100_000.0).reshape(100, 1000)
    got = alice.run(echo, None, array, use_serdio=True)
    np.testing.assert_array_equal(got, array)
    named = serde.deserialize(alice.run(echo, None, serde.serialize(a=array)), as_signature=True)
    np.testing.assert_array_equal(named[1]["a"], array)


def test_what_is_no_value_is_told(alice, folder_of):
    bytes_only = alice.deploy(folder_of("def cape_handler(data):\n    return b'no'\n"), name="b")
    with pytest.raises(ValueError, match="no text of this format"):
        alice.run(bytes_only, None, 1, use_serdio=True)
    with pytest.raises(TypeError, match="object is no type of this format"):
        alice.run(bytes_only, None, object(), use_serdio=True)
    assert alice.run(bytes_only, None, b"") == b"no"
