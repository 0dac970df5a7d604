"""From bytes to values."""

from __future__ import annotations

from typing import Any, TypeVar

import msgpack

from pycape._buffer import Buffer, view

from ._array_reader import ArrayReader
from ._format import ARGS, KWARGS, LENGTH_BYTES, LENGTH_KEY, MAX_DEPTH, Extension
from ._hook import Hook, check_hook

T = TypeVar("T", set[Any], frozenset[Any])


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
        ValueError: `data` is not of this format.
        ConfigError: it holds arrays, and numpy is not installed.
    """
    if decoder is not None:
        check_hook("decoder", decoder)
    whole = view(data, "data")
    length = _length_of_text(whole)
    decoding = _Decoding(decoder, ArrayReader(whole, length))
    values = decoding.unpack(whole[:length])
    args = values.get(ARGS) if isinstance(values, dict) else None
    if not isinstance(args, tuple | list):
        raise ValueError(f"these are no arguments: there is no tuple {ARGS}")
    if as_signature:
        return tuple(args), values.get(KWARGS, {})
    return args[0] if len(args) == 1 else args


def _length_of_text(whole: memoryview) -> int:
    behind_key = 1 + len(LENGTH_KEY)
    if whole[1:behind_key] != LENGTH_KEY:
        return len(whole)
    length = int.from_bytes(whole[behind_key : behind_key + LENGTH_BYTES], "big")
    if length > len(whole):
        raise ValueError(f"the text has {length} bytes, and there are {len(whole)}")
    return length


class _Decoding:
    """One text with its arrays."""

    def __init__(self, decoder: Hook | None, arrays: ArrayReader) -> None:
        self._decoder = decoder
        self._arrays = arrays
        self._depth = 0
        # What a hook raised, or what we said already: it goes through as it is.
        self._raised: Exception | None = None

    def unpack(self, text: Buffer) -> Any:
        hook = None if self._decoder is None else self._decoded
        try:
            return msgpack.unpackb(
                text, ext_hook=self._extension, object_hook=hook, strict_map_key=False
            )
        except (ValueError, TypeError) as error:
            if error is self._raised:
                raise
            why = str(error) or type(error).__name__
            self._raised = ValueError(f"this is no text of this format: {why}")
            raise self._raised from error

    def _decoded(self, value: dict[Any, Any]) -> Any:
        assert self._decoder is not None  # noqa: S101 - it is called for nothing else
        try:
            return self._decoder(value)
        except Exception as error:
            self._raised = error
            raise

    def _extension(self, code: int, data: bytes) -> Any:
        match code:
            case Extension.COMPLEX:
                return _complex(self._inner(data))
            case Extension.TUPLE:
                return tuple(self._members(data))
            case Extension.SET:
                return _hashed(set, self._members(data))
            case Extension.FROZENSET:
                return _hashed(frozenset, self._members(data))
            case Extension.ARRAY:
                return self._arrays.read(msgpack.unpackb(data))
        return msgpack.ExtType(code, data)

    def _members(self, data: bytes) -> list[Any]:
        members = self._inner(data)
        if not isinstance(members, list):
            raise ValueError(f"members are a list, not {type(members).__name__}")
        return members

    def _inner(self, data: bytes) -> Any:
        if self._depth == MAX_DEPTH:
            raise ValueError(f"values lie more than {MAX_DEPTH} levels within each other")
        self._depth += 1
        try:
            return self.unpack(data)
        finally:
            self._depth -= 1


def _complex(parts: Any) -> complex:
    match parts:
        case (int() | float() as real, int() | float() as imaginary):
            return complex(real, imaginary)
    raise ValueError("a complex number has two parts that are numbers")


def _hashed(kind: type[T], members: list[Any]) -> T:
    try:
        return kind(members)
    except TypeError as error:
        raise ValueError(f"a {kind.__name__} cannot have such a member: {error}") from error
