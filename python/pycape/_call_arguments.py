"""What a function is called with: one input of bytes, or arguments that become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ._buffer import view
from ._envelope_text import envelope_as_text
from ._input_stream import Input, InputStream, is_stream

if TYPE_CHECKING:
    from .serde import Hooks


def only_argument(args: tuple[Input, ...]) -> memoryview | InputStream:
    """Return the one input that a call has.

    Raises:
        TypeError: there is none, or more than one, or it is neither a contiguous buffer nor a file
            nor an iterable.
        Truncated, UnsupportedFormat: as `envelope_as_text`.
    """
    if len(args) != 1:
        raise TypeError(f"a function takes one input of bytes, not {len(args)} arguments")
    if is_stream(args[0]):
        return InputStream(args[0])
    return envelope_as_text(view(args[0], "input"))


def input_and_reading(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], use_serdio: bool, serde_hooks: Hooks | None
) -> tuple[memoryview | InputStream, Callable[[bytes], Any]]:
    """Return the input of a call that takes typed arguments or bytes, and what reads its output.

    Raises:
        TypeError: as `only_argument`, or `serde.serialize`; or bytes come with named arguments.
        ValueError: as `serde.serialize`, or the hooks are no pair.
    """
    if not use_serdio and serde_hooks is None:
        if kwargs:
            raise TypeError(f"named arguments ({', '.join(kwargs)}) take use_serdio=True")
        return only_argument(args), bytes

    from .serde import bundle_serde_hooks, serialize  # noqa: PLC0415 - few need it
    from .serde._series import deserialize_output  # noqa: PLC0415 - few need it

    encoder, decoder = None, None
    if serde_hooks is not None:
        encoder, decoder = bundle_serde_hooks(serde_hooks).unbundle()
    data = serialize(*args, encoder=encoder, **kwargs)
    return memoryview(data), partial(deserialize_output, decoder=decoder)
