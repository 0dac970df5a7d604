"""Elements of numpy's arrays, behind the text that mentions them."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any, cast

import msgpack

from ._format import aligned, is_elements

if TYPE_CHECKING:
    import numpy as np


class ArrayWriter:
    """The arrays of one text. Without numpy in the process there are none."""

    def __init__(self) -> None:
        self._numpy = sys.modules.get("numpy")
        self._arrays: list[tuple[int, np.ndarray[Any, Any]]] = []
        self._end = 0

    def is_empty(self) -> bool:
        """Tell whether no array was added."""
        return not self._arrays

    def add(self, value: object) -> bytes | None:
        """Take an array or a scalar, and return what the text says of it; None for anything else.

        Raises:
            TypeError: its elements are more than numbers.
        """
        if self._numpy is None:
            return None
        if isinstance(value, self._numpy.generic):
            value = self._numpy.asarray(value)
        # Others of its kind are more than their elements: those with masks, say.
        if type(value) is not self._numpy.ndarray and not isinstance(value, self._numpy.memmap):
            return None
        array = cast("np.ndarray[Any, Any]", value)
        if not is_elements(array.dtype.str):
            raise TypeError(f"arrays of {array.dtype} are no type of this format")
        offset = aligned(self._end)
        self._arrays.append((offset, array))
        self._end = offset + array.nbytes
        described: bytes = msgpack.packb([array.dtype.str, [*array.shape], offset])
        return described

    def behind(self, text: bytes) -> bytes:
        """Return a text with the elements of all arrays behind it, each copied once."""
        import numpy as np  # noqa: PLC0415 - it is loaded: there are arrays

        start = aligned(len(text))
        # Its bytes are returned in the end without another copy.
        whole = io.BytesIO()
        whole.write(text)
        whole.write(bytes(start - len(text)))
        if self._end:
            whole.seek(start + self._end - 1)
            whole.write(b"\0")
        with whole.getbuffer() as buffer:
            for offset, array in self._arrays:
                if array.nbytes:
                    with buffer[start + offset : start + offset + array.nbytes] as place:
                        np.copyto(np.frombuffer(place, array.dtype).reshape(array.shape), array)
        return whole.getvalue()
