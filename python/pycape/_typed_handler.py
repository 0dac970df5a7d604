"""What an enclave calls of a function that takes values. Spec: docs/spec/serde.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .serde._decoder import deserialize
from .serde._encoder import serialize_arguments
from .serde._format import ARGS
from .serde._series import MARK, member

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from .serde import Hooks
    from .serde._hook import Hook

# Bytes in which arguments begin to be arguments.
_BEGINNING = 64


def typed_handler(
    function: Callable[..., Any], serde_hooks: Hooks | None
) -> Callable[[bytes], Any]:
    """Return a handler of bytes that calls a function of values.

    Raises:
        TypeError, ValueError: the hooks are no pair.
    """
    encoder, decoder = hooks_of(serde_hooks)

    def handler(data: bytes) -> Any:
        try:
            args, kwargs = deserialize(data, decoder, as_signature=True)
        except ValueError as error:
            if ARGS.encode() not in data[:_BEGINNING]:
                raise ValueError(
                    "this function takes typed values, and the input is something else: "
                    "call it in Python, with .on(cape, function).remote(...)"
                ) from None
            raise ValueError(
                f"the input is no arguments, and this function takes values: {error}"
            ) from error
        result = function(*args, **kwargs)
        if hasattr(result, "__await__"):
            return _awaited(result, encoder)
        return _output(result, encoder)

    return handler


def hooks_of(serde_hooks: Hooks | None) -> tuple[Hook | None, Hook | None]:
    """Return the encoder and the decoder, where there are any.

    Raises:
        As `bundle_serde_hooks`.
    """
    if serde_hooks is None:
        return None, None
    from .serde import bundle_serde_hooks  # noqa: PLC0415 - few need it

    return bundle_serde_hooks(serde_hooks).unbundle()


async def _awaited(result: Awaitable[Any], encoder: Hook | None) -> Any:
    return _output(await result, encoder)


def _output(result: Any, encoder: Hook | None) -> Any:
    if hasattr(result, "__next__"):
        return _series(result, encoder)
    if hasattr(result, "__anext__"):
        return _async_series(result, encoder)
    return serialize_arguments((result,), {}, encoder)


def _series(values: Iterator[Any], encoder: Hook | None) -> Iterator[bytes]:
    yield MARK
    for value in values:
        yield from member(serialize_arguments((value,), {}, encoder))


async def _async_series(values: AsyncIterator[Any], encoder: Hook | None) -> AsyncIterator[bytes]:
    yield MARK
    async for value in values:
        for piece in member(serialize_arguments((value,), {}, encoder)):
            yield piece
