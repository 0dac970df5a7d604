"""What one text may cost whoever reads it. Spec: docs/spec/serde.md, limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack

from pycape._buffer import Buffer

# What a text may weigh: bytes, about as many as CPython takes.
BASE = 256 << 20
PER_BYTE = 16

# What does: an array with each member, a map with each pair, and what a set has besides its array.
_LIST, _MEMBER = 64, 32
_MAP, _PAIR = 64, 96
_SET, _SET_MEMBER = 192, 64

# A byte weighs at most 96, and is copied at most 100 times: no shorter text can weigh too much.
LIGHT = BASE // (96 + 100 - PER_BYTE)

# So long a text can say sizes that it has not, each in another's array, that take 32 MiB at most.
SHORT = 4096


class TooCostlyError(ValueError):
    """It may be a value, and is more work than a text of its length may make."""


class Allowance:
    """What may still be spent on a text of `length` bytes."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._whole = self._left = BASE + PER_BYTE * length
        self.longest_list = self._whole // _MEMBER
        self.longest_map = self._whole // _PAIR

    def spend(self, weight: int) -> None:
        """Take it away, for good or until it is given back.

        Raises:
            TooCostlyError: there is not so much.
        """
        self._left -= weight
        if self._left < 0:
            raise self.refusal()

    def refusal(self) -> TooCostlyError:
        """Return what is raised where there is not so much."""
        return TooCostlyError(
            f"a text of {self._length} bytes may weigh {self._whole} bytes, and its values weigh"
            " more: numbers weigh nothing in an array of numpy"
        )

    def give_back(self, weight: int) -> None:
        """Have it again: what it was spent on is no more."""
        self._left += weight

    def spend_on_list(self, length: int) -> None:
        """Take away what an array weighs.

        Raises:
            As `spend`.
        """
        self.spend(_LIST + _MEMBER * length)

    def spend_on_map(self, length: int) -> None:
        """Take away what a map weighs.

        Raises:
            As `spend`.
        """
        self.spend(_MAP + _PAIR * length)

    def spend_on_set(self, length: int) -> None:
        """Take away what a set weighs besides the array of its members.

        Raises:
            As `spend`.
        """
        self.spend(_SET + _SET_MEMBER * length)


def check_sizes(text: Buffer) -> None:
    """Look whether all is there that the text says, before lists of such sizes are made.

    Raises:
        ValueError: it is not, or lists lie too deep within each other.
    """
    _run(text, {}, msgpack.Unpacker.skip)


def unpacked(text: Buffer, options: dict[str, Any]) -> Any:
    """Do what `unpackb` does, with what it has on the stack on the heap.

    Raises:
        ValueError: the text is not one value.
    """
    return _run(text, options, msgpack.Unpacker.unpack)


def _run(text: Buffer, options: dict[str, Any], what: Callable[[Any], Any]) -> Any:
    unpacker = msgpack.Unpacker(read_size=1, max_buffer_size=len(text), **options)
    unpacker.feed(text)
    try:
        value = what(unpacker)
    except msgpack.OutOfData as error:
        raise ValueError("it ends too early") from error
    if unpacker.tell() != len(text):
        raise ValueError("there are bytes behind its end")
    return value
