"""What nobody should pass to anything, and a way to pass it to everything."""

import array
import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from pycape._one_with import WithOnly


class NotText:
    """A path that is none."""

    def __fspath__(self) -> int:
        return 5


def released() -> memoryview:
    view = memoryview(b"gone")
    view.release()
    return view


GARBAGE = {
    "None": None,
    "True": True,
    "-1": -1,
    "0": 0,
    "2**31": 2**31,
    "2**64": 2**64,
    "10**400": 10**400,
    "1.5": 1.5,
    "nan": float("nan"),
    "infinity": float("inf"),
    "no text": "",
    "a letter": "x",
    "a zero": "\0",
    "a surrogate": "\ud800",
    "digits of another script": "٣d",
    "a slash": "/",
    "a folder": "..",
    "user/name": "no/such",
    "a long text": "x" * 5000,
    "cape:": "cape:2:AAAA",
    "no bytes": b"",
    "a few bytes": b"\xff\x00",
    "bytes of an envelope": b"cape:2:AAAA",
    "many bytes": bytes(70_000),
    "a bytearray": bytearray(b"x"),
    "numbers": array.array("d", [1.0]),
    "bytes with gaps": memoryview(bytes(9))[::2],
    "a released view": released(),
    "no list": [],
    "a list of None": [None],
    "a list of text": ["x", "\0"],
    "a list of lists": [[]],
    "no dict": {},
    "a register": {"0": ["zz"]},
    "a register that there is not": {"99999999999999999999": ["00" * 48]},
    "a register of None": {"0": None},
    "keys that are none": {None: None},
    "a path": Path("nothing/here"),
    "a path with a zero": Path("\0"),
    "a path that is none": NotText(),
    "the first day": datetime.min,  # noqa: DTZ901 - without a time zone, that is what is wrong with it
    "the last moment": datetime.max.replace(tzinfo=timezone(-timedelta(hours=23))),
    "the first moment": datetime.min.replace(tzinfo=timezone(timedelta(hours=23))),
    "now": datetime.now(UTC),
    "a date": date.max,
    "all the time": timedelta.max,
    "before time": timedelta.min,
    "a type": int,
    "an object": object(),
}


def parameters(function: Callable[..., Any]) -> list[str]:
    """Return the names of everything that can be passed."""
    return list(inspect.signature(function).parameters)


def call(function: Callable[..., Any], arguments: dict[str, Any], runner: asyncio.Runner) -> Any:
    """Call a function by the names of its parameters, and see the result to its end."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        value = arguments.get(name, parameter.default)
        if parameter.kind is parameter.KEYWORD_ONLY:
            named[name] = value
        elif value is not parameter.empty:
            positional.append(value)
    return finish(function(*positional, **named), runner)


def finish(result: Any, runner: asyncio.Runner) -> Any:
    """Return what is awaited, or what is entered, or the result itself."""
    if inspect.isawaitable(result):
        return runner.run(_awaited(result))
    if _is_async(result):
        return runner.run(result.__aenter__())
    if isinstance(result, AbstractContextManager):
        return result.__enter__()
    return result


def _is_async(manager: Any) -> bool:
    """The sync client's have what `async with` calls, too: it refuses."""
    return isinstance(manager, AbstractAsyncContextManager) and not isinstance(manager, WithOnly)


def leave(manager: Any, runner: asyncio.Runner) -> None:
    """Leave what `finish` has entered."""
    if _is_async(manager):
        runner.run(manager.__aexit__(None, None, None))
    else:
        manager.__exit__(None, None, None)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
