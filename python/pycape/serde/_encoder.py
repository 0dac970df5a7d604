"""From values to bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from ._array_writer import ArrayWriter
from ._decoder import check_cost
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
    SMALL_MAP,
    TUPLE,
)
from ._hook import Hook, check_hook
from ._limits import LIGHT


def serialize(*args: Any, encoder: Hook | None = None, **kwargs: Any) -> bytes:
    """Return arguments, or a single result, as bytes. Spec: docs/spec/serde.md.

    Args:
        args: Values by position: None, bool, int of 64 bits, float, complex, str, bytes, bytearray,
            memoryview, list, tuple, set, frozenset, dict; arrays and scalars of numpy whose
            elements are numbers, truth values or times; and what the encoder makes one of these of.
        encoder: Is given what is none of these; see `SerdeHookBundle`.
        kwargs: Values by name.

    Returns:
        The bytes. Elements of arrays are copied once, into them.

    Raises:
        TypeError: a value is none of these, or not contiguous, or `encoder` is no function.
        ValueError: an integer has more than 64 bits, a text cannot be encoded, values lie too deep
            within each other, or there are more of them than a reader takes.
    """
    return serialize_arguments(args, kwargs, encoder)


def serialize_arguments(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], encoder: Hook | None = None
) -> bytes:
    """Do the same for arguments of whatever names.

    Raises:
        As `serialize`.
    """
    if encoder is not None:
        check_hook("encoder", encoder)
    values: dict[str, Any] = {ARGS: args}
    if kwargs:
        values[KWARGS] = kwargs
    encoding = _Encoding(encoder)
    try:
        pairs = encoding.pack(values)[1:]
    except OverflowError as error:
        raise ValueError("an integer has more than 64 bits") from error
    except BufferError as error:
        raise TypeError(f"a buffer has to be contiguous: {error}") from error
    if encoding.arrays.is_empty():
        text = bytes((SMALL_MAP | len(values),)) + pairs
    else:
        before = bytes((SMALL_MAP | len(values) + 1,)) + LENGTH_KEY
        length = len(before) + LENGTH_BYTES + len(pairs)
        text = before + length.to_bytes(LENGTH_BYTES, "big") + pairs
    if len(text) > LIGHT:
        check_cost(text)
    return text if encoding.arrays.is_empty() else encoding.arrays.behind(text)


class _Encoding:
    """One text, and the arrays that are found on the way."""

    def __init__(self, encoder: Hook | None) -> None:
        self.arrays = ArrayWriter()
        self._encoder = encoder
        self._depth = 0

    def pack(self, value: Any) -> bytes:
        packed: bytes = msgpack.packb(value, default=self._known, strict_types=True)
        return packed

    def _known(self, value: Any) -> Any:
        """Return, of what MessagePack does not know, what it does."""
        known = self._extension(value)
        if known is None and self._encoder is not None:
            value = self._encoder(value)
            known = self._extension(value)
        if known is not None:
            return known
        if type(value) in _NATIVE:
            return value
        raise TypeError(
            f"{type(value).__name__} is no type of this format: an encoder hook makes one of it"
        )

    def _extension(self, value: Any) -> msgpack.ExtType | None:
        match value:
            case msgpack.ExtType():
                return value
            case complex():
                return self._members(COMPLEX, (value.real, value.imag))
            case tuple():
                return self._members(TUPLE, [*value])
            case set():
                return self._members(SET, [*value])
            case frozenset():
                return self._members(FROZENSET, [*value])
        described = self.arrays.add(value)
        return None if described is None else msgpack.ExtType(ARRAY, described)

    def _members(self, code: int, members: list[Any] | tuple[Any, ...]) -> msgpack.ExtType:
        if self._depth == MAX_DEPTH:
            raise ValueError(f"values lie more than {MAX_DEPTH} levels within each other")
        self._depth += 1
        packed = self.pack(members)
        self._depth -= 1
        return msgpack.ExtType(code, packed)


_NATIVE = frozenset(
    {type(None), bool, int, float, str, bytes, bytearray, memoryview, list, dict, msgpack.Timestamp}
)
