"""The sync client where the async one belongs."""

import asyncio
import contextlib
import warnings

import pytest

from pycape import _core, errors


@pytest.fixture(autouse=True)
def not_warned(monkeypatch):
    monkeypatch.setattr("pycape._client_connections._warned", False)


def ask_twice(cape) -> list[warnings.WarningMessage]:
    """Ask for a function that does not exist, and return what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            with contextlib.suppress(errors.NotFound):
                cape.manifest(_core.function_id("ab" * 32))
    return caught


def test_in_a_running_event_loop_it_warns_once_and_names_the_other(cape):
    async def main():
        return ask_twice(cape)

    [warning] = asyncio.run(main())
    assert warning.category is RuntimeWarning
    assert "async with AsyncCape() as cape" in str(warning.message)
    assert "await" in str(warning.message)
    assert warning.filename == __file__


def test_without_an_event_loop_it_does_not_warn(cape):
    assert ask_twice(cape) == []


def test_in_a_thread_beside_an_event_loop_it_does_not_warn(cape):
    async def main():
        return await asyncio.to_thread(ask_twice, cape)

    assert asyncio.run(main()) == []
