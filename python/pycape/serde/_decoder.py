"""From bytes to values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import msgpack

from pycape._buffer import Buffer, view

from ._array_reader import ArrayReader
from ._collisions import FEW, dict_of, set_of
from ._format import (
    ARGS,
    ARRAY,
    COMPLEX,
    FROZENSET,
    KWARGS,
    LENGTH_BYTES,
    LENGTH_KEY,
    MAX_DEPTH,
    SET,
    TUPLE,
)
from ._hook import Hook, check_hook
from ._limits import LIGHT, SHORT, Allowance, TooCostlyError, check_sizes, unpacked

# Maps of more pairs than `FEW` begin with one of these, and how many pairs there are.
_LARGE_MAPS = (re.compile(b"\xde(..)", re.DOTALL), re.compile(b"\xdf(....)", re.DOTALL))

# How most texts of more than 64 KiB begin, which go on with the members of a tuple to their end:
# these are not copied.
_LARGE_ARGS = re.compile(b"\x81\xad_serdio_args_\xc9(....)\x02", re.DOTALL)
_LARGE = 1 << 16

# `unpackb` takes 40 KiB of the stack, and some threads have little. Deeper values go without.
_ON_THE_STACK = 4

ReadArray: TypeAlias = Callable[[Any], Any]


def deserialize(data: Buffer, decoder: Hook | None = None, as_signature: bool = False) -> Any:
    """Return what `serialize` was given, here or in serdio. Spec: docs/spec/serde.md.

    Args:
        data: The bytes. Arrays are views of them, read-only: nothing of them is copied.
        decoder: Is given each map, and returns what it stands for; see `SerdeHookBundle`.
        as_signature: Return positional and named arguments apart.

    Returns:
        The value, where it was one; the tuple of them otherwise. With `as_signature` a tuple and a
        dict.

    Raises:
        TypeError: `data` is no contiguous buffer, or `decoder` is no function.
        ValueError: `data` is not of this format, or costs more than a text of its length may.
        ConfigError: it holds arrays, and numpy is not installed.
    """
    if decoder is not None:
        check_hook("decoder", decoder)
    whole = view(data, "data")
    length = _length_of_text(whole)
    values = _read(whole[:length], decoder, ArrayReader(whole, length).read)
    args = values.get(ARGS) if isinstance(values, dict) else None
    # An extension type of another code is a named tuple.
    if not isinstance(args, tuple | list) or isinstance(args, msgpack.ExtType):
        raise ValueError(f"these are no arguments: there is no tuple {ARGS}")
    if as_signature:
        return tuple(args), _named(values)
    return args[0] if len(args) == 1 else args


def _named(values: dict[Any, Any]) -> dict[str, Any]:
    named = values.get(KWARGS, {})
    if not isinstance(named, dict) or not all(isinstance(name, str) for name in named):
        raise ValueError(f"these are no arguments: {KWARGS} is no map with names")
    return named


def _length_of_text(whole: memoryview) -> int:
    behind_key = 1 + len(LENGTH_KEY)
    if whole[1:behind_key] != LENGTH_KEY:
        return len(whole)
    length = int.from_bytes(whole[behind_key : behind_key + LENGTH_BYTES], "big")
    if length > len(whole):
        raise ValueError(f"the text has {length} bytes, and there are {len(whole)}")
    return length


def check_cost(text: bytes) -> None:
    """Read a text, whose arrays are elsewhere, for what it costs only.

    Raises:
        ValueError: more than a reader takes.
    """
    # Maps become nothing: their decoder, if there is one, is the reader's.
    _read(memoryview(text), lambda _map: None, lambda _described: None)


def _read(text: memoryview, decoder: Hook | None, read_array: ReadArray) -> Any:
    if not _may_have_large_map(text):
        return _Decoding(len(text), decoder, read_array).read(text)
    if decoder is None:
        try:
            return _Decoding(len(text), None, read_array, only_text_keys=True).read(text)
        except TooCostlyError:
            raise
        except ValueError:
            pass  # Other keys, which may have been chosen, or no text of the format at all.
    return _Decoding(len(text), decoder, read_array, chosen_keys=True).read(text)


def _may_have_large_map(text: memoryview) -> bool:
    if len(text) <= 2 * FEW:
        return False
    return any(
        FEW < int.from_bytes(found[1], "big") <= (len(text) - found.end()) // 2
        for head in _LARGE_MAPS
        for found in head.finditer(text)
    )


class _Decoding:
    """One text with its arrays."""

    def __init__(
        self,
        length: int,
        decoder: Hook | None,
        read_array: ReadArray,
        *,
        only_text_keys: bool = False,
        chosen_keys: bool = False,
    ) -> None:
        self._decoder = decoder
        self._read_array = read_array
        self._depth = 0
        # What a hook raised, or what we said already: it goes through as it is.
        self._raised: Exception | None = None
        self._allowance = None if length <= LIGHT else Allowance(length)
        self._options: dict[str, Any] = {
            "ext_hook": self._extension,
            "strict_map_key": only_text_keys,
        }
        if self._allowance is not None:
            self._options["list_hook"] = self._list
            self._options["max_array_len"] = self._allowance.longest_list
            self._options["max_map_len"] = self._allowance.longest_map
        if chosen_keys:
            self._options["object_pairs_hook"] = self._pairs
        elif self._allowance is not None:
            self._options["object_hook"] = self._map
        elif decoder is not None:
            self._options["object_hook"] = self._decoded

    def read(self, text: memoryview) -> Any:
        large = _LARGE_ARGS.match(text) if len(text) > _LARGE else None
        if large is None or len(text) != large.end() + int.from_bytes(large[1], "big"):
            return self._unpack(text)
        values = {ARGS: tuple(self._members(text[large.end() :]))}
        return values if self._decoder is None else self._decoder(values)

    def _unpack(self, text: Buffer) -> Any:
        try:
            if len(text) > SHORT:
                check_sizes(text)
            if self._depth <= _ON_THE_STACK:
                return msgpack.unpackb(text, **self._options)
            return unpacked(text, self._options)
        except (ValueError, TypeError) as error:
            if error is self._raised or isinstance(error, TooCostlyError):
                raise
            why = str(error) or type(error).__name__
            if self._allowance is not None and " exceeds max_" in why:
                raise self._allowance.refusal() from error
            self._raised = ValueError(f"this is no text of this format: {why}")
            raise self._raised from error

    def _list(self, members: list[Any]) -> list[Any]:
        assert self._allowance is not None  # noqa: S101 - it is called for nothing else
        self._allowance.spend_on_list(len(members))
        return members

    def _map(self, value: dict[Any, Any]) -> Any:
        assert self._allowance is not None  # noqa: S101 - it is called for nothing else
        self._allowance.spend_on_map(len(value))
        return self._decoded(value)

    def _pairs(self, pairs: list[tuple[Any, Any]]) -> Any:
        if self._allowance is not None:
            self._allowance.spend_on_map(len(pairs))
        return self._decoded(dict_of(pairs))

    def _decoded(self, value: dict[Any, Any]) -> Any:
        if self._decoder is None:
            return value
        try:
            return self._decoder(value)
        except Exception as error:
            self._raised = error
            raise

    def _extension(self, code: int, data: bytes) -> Any:
        if code == TUPLE:
            return tuple(self._members(data))
        if code == SET:
            return self._set(data)
        if code == FROZENSET:
            return frozenset(self._set(data))
        if code == COMPLEX:
            return _complex(self._inner(data))
        if code == ARRAY:
            return self._read_array(msgpack.unpackb(data))
        return msgpack.ExtType(code, data)

    def _set(self, data: bytes) -> set[Any]:
        members = self._members(data)
        if self._allowance is not None:
            self._allowance.spend_on_set(len(members))
        try:
            return set_of(members)
        except TypeError as error:
            raise ValueError(f"a set cannot have such a member: {error}") from error

    def _members(self, data: Buffer) -> list[Any]:
        members = self._inner(data)
        if not isinstance(members, list):
            raise ValueError(f"members are a list, not {type(members).__name__}")
        return members

    def _inner(self, data: Buffer) -> Any:
        if self._depth == MAX_DEPTH:
            raise ValueError(f"values lie more than {MAX_DEPTH} levels within each other")
        self._depth += 1
        if self._allowance is not None:
            # The data is a copy, for as long as its values are made.
            self._allowance.spend(len(data))
        values = self._unpack(data)
        if self._allowance is not None:
            self._allowance.give_back(len(data))
        self._depth -= 1
        return values


def _complex(parts: Any) -> complex:
    match parts:
        case (int() | float() as real, int() | float() as imaginary):
            return complex(real, imaginary)
    raise ValueError("a complex number has two parts that are numbers")
