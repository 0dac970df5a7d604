"""Calls everything in the core with each of the worst values in each place; prints what is wrong.

For a process of its own, since a value may end it: what was called last stands on the error output.
"""

import ast
import itertools
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

from tests.bindings.test_garbage_into_the_core import (
    CALLABLES,
    CHAIN,
    INSTANCES,
    KEY,
    HostileError,
    Liar,
    released,
)
from tests.e2e.garbage import GARBAGE

from pycape import _core
from pycape.errors import CapeError


class Endless(list):
    """Has items without end."""

    def __init__(self, item: Any) -> None:
        self.item = item

    def __iter__(self):
        return itertools.repeat(self.item)


class Writer(list):
    """Writes to the dictionary that it is in when it is looked at."""

    def __init__(self, owner: dict) -> None:
        self.owner = owner

    def __iter__(self):
        self.owner.update(dict.fromkeys(range(100), b""))
        return iter(["00" * 48])


def written() -> dict:
    registers: dict = {}
    registers.update({0: Writer(registers), 1: ["00" * 48]})
    return registers


class EndlessDictionary(dict):
    """Has keys without end, if it is asked."""

    def __iter__(self):
        return itertools.count()

    def keys(self):
        return self

    def items(self):
        return ((key, "00" * 48) for key in self)

    def __getitem__(self, key: Any) -> str:
        return "00" * 48


#: What is worse than the garbage that the public functions get.
WORST: dict[str, Callable[[], Any]] = {
    "a length that lies": lambda: Liar([b"x"]),
    "2**50 numbers": lambda: range(2**50),
    "2**60 numbers": lambda: range(2**60),
    "bytes without end": lambda: Endless(b"x"),
    "text without end": lambda: Endless("x"),
    "keys without end": lambda: Endless(KEY.public_key),
    "a dictionary without end": lambda: EndlessDictionary({0: "11" * 48}),
    "a register of 2**50 numbers": lambda: {0: range(2**50)},
    "a register with a length that lies": lambda: {0: Liar([b"x"])},
    "a register without end": lambda: {0: Endless("00" * 48)},
    "a dictionary that is written to": written,
    "numbers that are no bytes": lambda: [300] * 32,
    "negative numbers": lambda: [-1] * 8,
    "a list of numbers that are no bytes": lambda: [[300] * 8],
    "a list of a released view": lambda: [released()],
    "a list of a surrogate": lambda: ["\ud800"],
    "a surrogate in a dictionary": lambda: {"\ud800": "\ud800"},
    "2**64 in a list": lambda: [2**64],
}

#: A value of the right type, by what the stub says of a parameter.
RIGHT: dict[str, Callable[[], Any]] = {
    "str": lambda: "x25519",
    "int": lambda: 1,
    "bool": lambda: False,
    "bytes": lambda: bytes(32),
    "Buffer": lambda: bytearray(600),
    "bytes | str": lambda: bytes(32),
    "date | datetime": lambda: date.max,
    "dict[str, str]": dict,
    "dict[int, bytes]": lambda: {0: bytes(48)},
    "dict[int, bytes | str]": lambda: {0: bytes(48)},
    "dict[int, Sequence[str]]": lambda: {0: ["00" * 48]},
    "Iterable[bytes]": list,
    "Iterable[str]": list,
    "Sequence[Buffer]": lambda: [CHAIN[0].der],
    "Sequence[int]": lambda: [2],
    "Sequence[PublicKey]": lambda: [KEY.public_key],
    "Sequence[Release]": lambda: [_core.Release({0: b"\x01" * 48})],
    "Sequence[str]": list,
    "tuple[bytes, bytes]": lambda: (bytes(32), bytes(32)),
    "tuple[bytes, bytes, bytes]": lambda: (bytes(48), bytes(48), bytes(48)),
    "tuple[int, int, int]": lambda: (1, 1, 1),
    "Callable[[int], object]": lambda: None,
    "list[ImageTree]": list,
    "str | PathLike[str]": lambda: "/nonexistent/file",
    "IssuedReceipt": lambda: None,  # wherever there may be one, there may be none
    **INSTANCES,
}


def right(parameter: ast.arg) -> Any:
    assert parameter.annotation is not None
    text = ast.unparse(parameter.annotation).removesuffix(" | None").strip("'")
    return RIGHT[text]()


def called(function: Callable[..., Any], arguments: ast.arguments, place: str, value: Any) -> str:
    """Call with one value among right ones, and return what should not have been raised."""
    names = [argument for argument in arguments.args if argument.arg not in {"self", "cls"}]
    positional = [value if name.arg == place else right(name) for name in names]
    named = {name.arg: value if name.arg == place else right(name) for name in arguments.kwonlyargs}
    try:
        function(*positional, **named)
    except (CapeError, TypeError, ValueError, HostileError):
        return ""
    except BaseException as error:  # a panic is no Exception
        return repr(error)
    return ""


def main() -> None:
    """Call everything."""
    garbage = {name: lambda value=value: value for name, value in GARBAGE.items()} | WORST
    for callable_name, (get, arguments) in CALLABLES.items():
        lasting = get()
        for parameter in [*arguments.args, *arguments.kwonlyargs]:
            if parameter.arg in {"self", "cls"}:
                continue
            for name, make in garbage.items():
                call = f"{callable_name}({parameter.arg}={name})"
                print(call, file=sys.stderr)
                changes = callable_name.partition(".")[0] in ("StreamSealer", "StreamOpener")
                if wrong := called(get() if changes else lasting, arguments, parameter.arg, make()):
                    print(call, wrong)


if __name__ == "__main__":
    main()
