"""Arrays of numpy, as views of the bytes that they came in."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, cast

from ._format import ALIGNMENT, aligned, is_elements

if TYPE_CHECKING:
    import numpy as np

_MAX_DIMENSIONS = 32


class ArrayReader:
    """The elements behind a text of `length` bytes."""

    def __init__(self, whole: memoryview, length: int) -> None:
        self._whole = whole
        self._length = length

    def read(self, described: Any) -> np.ndarray[Any, Any] | np.generic:
        """Return the array that the text describes, or the scalar if it has no dimensions.

        Raises:
            ValueError: there is no such array.
            ConfigError: numpy is not installed.
        """
        try:
            import numpy as np  # noqa: PLC0415 - few need it
        except ImportError as error:
            from pycape.errors import ConfigError  # noqa: PLC0415 - not while all is well

            raise ConfigError(
                "the value holds arrays, and numpy is not installed",
                hint="install it: pip install 'pycape[numpy]'",
            ) from error

        elements, shape, offset = _parts(described)
        dtype, count = np.dtype(elements), prod(shape)
        if prod(size or 1 for size in shape) * dtype.itemsize >= 1 << 63:
            raise ValueError("an array's sizes other than 0 make less than 2^63 bytes")
        there = self._whole.toreadonly()[aligned(self._length) :]
        if offset + count * dtype.itemsize > len(there):
            raise ValueError(f"the elements of an array of {count} {elements} are not there")
        flat = np.frombuffer(there[offset:], dtype, count) if count else np.empty(0, dtype)
        array: np.ndarray[Any, Any] = flat.reshape(shape)
        if shape:
            return array
        return cast("np.generic", array[()])


def _parts(described: Any) -> tuple[str, list[int], int]:
    match described:
        case [str() as elements, list() as shape, offset]:
            pass
        case _:
            raise ValueError("an array has a type of elements, a shape and an offset")
    if not is_elements(elements):
        raise ValueError(f"an array cannot have elements of the type {elements!r}")
    if len(shape) > _MAX_DIMENSIONS or not all(_is_count(size, 1 << 48) for size in shape):
        raise ValueError(f"an array's shape is up to {_MAX_DIMENSIONS} sizes below 2^48")
    if not _is_count(offset, 1 << 64) or offset % ALIGNMENT:
        raise ValueError(f"an array's offset is a multiple of {ALIGNMENT}, not {offset!r}")
    return elements, shape, offset


def _is_count(number: object, end: int) -> bool:
    return type(number) is int and 0 <= number < end
