"""What both clients have in common in calls of functions that take values: all that does no I/O."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._arguments import only_path
from ._client_base import ClientBase
from ._functions import FunctionRef, to_function_ref
from ._typed_function import name_of
from ._typed_handler import hooks_of
from .errors import CapeError, ConfigError
from .serde._encoder import serialize_arguments
from .serde._series import OutputReader, deserialize_output
from .tokens import Token, to_token

if TYPE_CHECKING:
    import asyncio
    import os
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from ._functions import Function
    from ._logs import Logs
    from ._platform import Pcrs
    from ._profile import Profile
    from .serde import Hooks
    from .tokens import AnyToken


class TypedCall:
    """A function's signature, and how its values become bytes."""

    def __init__(self, function: Callable[..., Any], serde_hooks: Hooks | None) -> None:
        self.name: str = name_of(function)
        self._signature = inspect.signature(function)
        self._encoder, self._decoder = hooks_of(serde_hooks)

    def arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        """Return a call's arguments as bytes.

        Raises:
            TypeError: they do not fit the function, or one is no value.
            ValueError: as `serde.serialize`.
        """
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None
        return serialize_arguments(bound.args, bound.kwargs, self._encoder)

    def value(self, output: bytes) -> Any:
        """Return what the function gave; of a generator the list of it.

        Raises:
            ValueError: the output is no value.
        """
        return deserialize_output(output, self._decoder)

    def reader(self) -> OutputReader:
        """Return what reads an output as it comes."""
        return OutputReader(self._decoder)


@dataclass(frozen=True)
class Callee:
    """A deployed function, and how it is called: what the methods of a client take."""

    function: FunctionRef
    token: Token | None
    pcrs: Pcrs | None
    shared: bool
    logs: Logs | None

    @classmethod
    def of(
        cls,
        function: Function,
        token: AnyToken | None,
        pcrs: Pcrs | None,
        *,
        shared: bool,
        logs: Logs | None,
    ) -> Callee:
        """Parse what names it.

        Raises:
            TypeError: an argument is of another type.
            ValueError: `function` or `token` is none.
        """
        parsed = None if token is None else to_token(token)
        return cls(to_function_ref(function), parsed, pcrs, shared, logs)


def check_client(client: object) -> None:
    """Raise `TypeError` for what is neither of the clients."""
    if not isinstance(client, ClientBase):
        raise TypeError(f"client is a Cape or an AsyncCape, not {type(client).__name__}")


def has_failed(call: Future[Any] | asyncio.Future[Any]) -> bool:
    """Tell whether a call has ended with an error."""
    return call.done() and not call.cancelled() and call.exception() is not None


def tell_index(error: BaseException, index: int) -> None:
    """Say in an error of which call of a map it is: in its notes, and its details if it has any."""
    error.add_note(f"in call {index} of the map")
    if isinstance(error, CapeError):
        error.details["index"] = str(index)


def calls_ahead(
    iterables: tuple[Any, ...], kinds: Any, connections: int, buffersize: int | None
) -> int:
    """Look at what a map is given, and return how far it reads its items ahead.

    Raises:
        TypeError: there is no iterable, or one is of none of these kinds, or a number is none.
        ValueError: a number is below 1, or a view was released.
    """
    if not iterables:
        raise TypeError("map takes an iterable for each positional argument, and there is none")
    for given in iterables:
        if not isinstance(given, kinds):
            raise TypeError(f"map takes iterables, not {type(given).__name__}")
        if isinstance(given, memoryview):
            memoryview(given)  # `iter` of one that was released raises SystemError
    _check_count("connections", connections)
    if buffersize is None:
        return 2 * connections
    _check_count("buffersize", buffersize)
    return buffersize


def _check_count(name: str, number: int) -> None:
    if type(number) is not int:
        raise TypeError(f"{name} is an int, not {type(number).__name__}")
    if number < 1:
        raise ValueError(f"{name} is {number}; at least 1")


def folder_of(
    function: Callable[..., Any], folder: str | os.PathLike[str] | None, profile: Profile
) -> Path:
    """Return the folder that a function is deployed from: it is the folder's handler.

    Raises:
        ConfigError: no file defines the function, or the folder's handler is another.
        As `packaging.handler_of` besides.
    """
    from .packaging import handler_of  # noqa: PLC0415 - heavy, and few calls need it

    name = name_of(function)
    source = None if folder is None else only_path("folder", folder)
    if source is None:
        code = getattr(inspect.unwrap(function), "__code__", None)
        if code is None or not Path(code.co_filename).is_file():
            raise ConfigError(
                f"no file defines {name}, so its folder is not known",
                hint="name the folder: deploy(client, FOLDER)",
            )
        source = Path(code.co_filename).parent
    handler = handler_of(source, python=profile.python, platform=profile.platform)
    if handler.partition(":")[2] != name:
        raise ConfigError(
            f"the handler in {source} is {handler}, not {name}",
            hint=f'set handler = "app:{name}" in cape.toml',
        )
    return source
