"""Arrays of numpy, as views of the bytes that they came in."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, cast

from ._format import ELEMENTS, aligned

if TYPE_CHECKING:
    import numpy as np

_MAX_DIMENSIONS = 32


class ArrayReader:
    """The elements behind a text of `length` bytes."""

    def __init__(self, whole: memoryview, length: int) -> None:
        self._whole = whole.toreadonly()
        self._start = aligned(length)

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

        match described:
            case [str() as elements, [*shape], int() as offset] if ELEMENTS.fullmatch(elements):
                pass
            case _:
                raise ValueError("an array has a type of numbers, a shape and an offset")
        if len(shape) > _MAX_DIMENSIONS or not all(_is_count(size) for size in shape):
            raise ValueError("an array's shape is up to 32 sizes")
        dtype, count = np.dtype(elements), prod(shape)
        start = self._start + offset
        if not 0 <= offset <= start + count * dtype.itemsize <= len(self._whole):
            raise ValueError(f"the elements of an array of {count} {elements} are not there")
        flat = np.frombuffer(self._whole[start:], dtype, count) if count else np.empty(0, dtype)
        array: np.ndarray[Any, Any] = flat.reshape(shape)
        if shape:
            return array
        return cast("np.generic", array[()])


def _is_count(size: object) -> bool:
    return type(size) is int and 0 <= size < 1 << 48
