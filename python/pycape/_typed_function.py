"""The decorator of functions that take and give values; bundles have this module as well.

What only a caller needs is imported where it is called: this is a part of every cold call.
"""

from __future__ import annotations

from types import MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    NoReturn,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    overload,
)

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from ._async_client import AsyncCape
    from ._async_remote_function import AsyncRemoteFunction
    from ._client import Cape
    from ._functions import Function
    from ._logs import Logs
    from ._platform import Pcrs
    from ._remote_function import RemoteFunction
    from .packaging import Progress
    from .serde import Hooks
    from .tokens import AnyToken

P = ParamSpec("P")
Others = ParamSpec("Others")
# What the function gives when it is called here, what `remote` gives, and each value of `stream`.
Local = TypeVar("Local")
Value = TypeVar("Value")
Member = TypeVar("Member")


class TypedFunction(Generic[P, Local, Value, Member]):
    """A function of values: called here as ever, and in an enclave by what `on` and `deploy` give.

    It is what `pycape.function` makes of a function. It is pickled by its name, as functions are,
    and binds as a method; the `self` of a method is a value like others for an enclave, so hooks
    have to know its class.
    """

    def __init__(self, function: Callable[P, Local], serde_hooks: Hooks | None = None) -> None:
        if not callable(function):
            raise TypeError(f"a function is decorated, not {type(function).__name__}")
        self.__wrapped__ = function
        self._serde_hooks = serde_hooks
        for name in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(self, name, getattr(function, name, None))
        # By these `inspect` tells functions of coroutines and generators from others.
        for name in ("__code__", "__defaults__", "__kwdefaults__"):
            if hasattr(function, name):
                setattr(self, name, getattr(function, name))

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Local:
        return self.__wrapped__(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...

    @overload
    def __get__(
        self: TypedFunction[Concatenate[Any, Others], Local, Value, Member],
        instance: object,
        owner: type | None = None,
        /,
    ) -> Callable[Others, Local]: ...

    def __get__(self, instance: object, owner: type | None = None, /) -> Any:
        """Bind a method, as functions do."""
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> str:
        """Return the name that it is found by, as functions are pickled."""
        return str(vars(self)["__qualname__"])

    def __repr__(self) -> str:
        return f"<pycape.function {name_of(self.__wrapped__)}>"

    @overload
    def on(
        self,
        client: Cape,
        function: Function,
        token: AnyToken | None = None,
        *,
        pcrs: Pcrs | None = None,
        shared: bool = False,
        logs: Logs | None = None,
    ) -> RemoteFunction[P, Value, Member]: ...

    @overload
    def on(
        self,
        client: AsyncCape,
        function: Function,
        token: AnyToken | None = None,
        *,
        pcrs: Pcrs | None = None,
        shared: bool = False,
        logs: Logs | None = None,
    ) -> AsyncRemoteFunction[P, Value, Member]: ...

    def on(
        self,
        client: Cape | AsyncCape,
        function: Function,
        token: AnyToken | None = None,
        *,
        pcrs: Pcrs | None = None,
        shared: bool = False,
        logs: Logs | None = None,
    ) -> RemoteFunction[P, Value, Member] | AsyncRemoteFunction[P, Value, Member]:
        """Return what calls this function where it is deployed. Nothing is sent.

        Args:
            client: Who calls it: a `Cape`, or an `AsyncCape`, whose calls are awaited.
            function: The deployed function: its id, `user/name`, the path of its JSON file, or a
                reference.
            token: A token, its text, or its file; None for a function of the client's account.
            pcrs: Alternatives for each PCR, instead of the policy's values.
            shared: Agree to a function whose callers share one process (`isolation = "function"`).
            logs: Called with what the function prints, as text in pieces, or a text file for it.

        Raises:
            TypeError: `client` is no client, or an argument is of another type.
            ValueError: `function` or `token` is none.
        """
        from ._client import Cape  # noqa: PLC0415 - an enclave does without
        from ._typed_call import Callee, TypedCall, check_client  # noqa: PLC0415 - the same

        check_client(client)
        call = TypedCall(self.__wrapped__, self._serde_hooks)
        callee = Callee.of(function, token, pcrs, shared=shared, logs=logs)
        if isinstance(client, Cape):
            from ._remote_function import RemoteFunction  # noqa: PLC0415 - one of two

            return RemoteFunction(call, client, callee)
        from ._async_remote_function import AsyncRemoteFunction  # noqa: PLC0415 - one of two

        return AsyncRemoteFunction(call, client, callee)

    @overload
    def deploy(
        self,
        client: Cape,
        folder: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> RemoteFunction[P, Value, Member]: ...

    @overload
    def deploy(
        self,
        client: AsyncCape,
        folder: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Coroutine[Any, Any, AsyncRemoteFunction[P, Value, Member]]: ...

    def deploy(
        self,
        client: Cape | AsyncCape,
        folder: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> (
        RemoteFunction[P, Value, Member]
        | Coroutine[Any, Any, AsyncRemoteFunction[P, Value, Member]]
    ):
        """Deploy this function, and return what calls it there; awaited with an `AsyncCape`.

        Args:
            client: Who deploys it, and calls it.
            folder: Its folder, with app.py; the one of the file that it is defined in by default.
            name: The deployed function's name, as `Cape.deploy` takes it.
            progress: Called while the folder is packed.

        Raises:
            TypeError: `client` is no client.
            ConfigError: the folder's handler is another function, or no file defines this one.
            CapeError: as `Cape.deploy` besides.
        """
        from ._client import Cape  # noqa: PLC0415 - an enclave does without
        from ._typed_call import check_client, folder_of  # noqa: PLC0415 - the same

        check_client(client)
        profile = client._platform.config.require_profile()
        source = folder_of(self.__wrapped__, folder, profile)
        if isinstance(client, Cape):
            return self.on(client, client.deploy(source, name=name, progress=progress))

        async def deployed() -> AsyncRemoteFunction[P, Value, Member]:
            return self.on(client, await client.deploy(source, name=name, progress=progress))

        return deployed()

    def remote(self, /, *args: P.args, **kwargs: P.kwargs) -> NoReturn:  # noqa: ARG002 - as what `on` gives
        """Refuse: where the function is deployed, only what `on` and `deploy` give knows.

        Raises:
            ConfigError: always.
        """
        self._refuse("remote")

    def stream(self, /, *args: P.args, **kwargs: P.kwargs) -> NoReturn:  # noqa: ARG002 - as what `on` gives
        """Refuse, as `remote` does.

        Raises:
            ConfigError: always.
        """
        self._refuse("stream")

    def map(self, *iterables: Any, **options: Any) -> NoReturn:  # noqa: ARG002 - as what `on` gives
        """Refuse, as `remote` does.

        Raises:
            ConfigError: always.
        """
        self._refuse("map")

    def as_cape_handler(self) -> Callable[[bytes], Any]:
        """Return the handler of bytes that an enclave calls. Spec: docs/spec/bundle.md, handler.

        Raises:
            TypeError, ValueError: the hooks are no pair.
        """
        from ._typed_handler import typed_handler  # noqa: PLC0415 - a caller does without

        return typed_handler(self.__wrapped__, self._serde_hooks)

    def _refuse(self, method: str) -> NoReturn:
        from .errors import ConfigError  # noqa: PLC0415 - an enclave does without

        name = name_of(self.__wrapped__)
        raise ConfigError(
            f"{name}.{method}: nobody said where {name} is deployed",
            hint=f"{name}.on(Cape(), FUNCTION, TOKEN).{method}(...) calls it there;"
            f" {name}.deploy(Cape()) deploys it first",
        )


def name_of(function: Callable[..., Any]) -> str:
    """Return what messages call a function."""
    return getattr(function, "__name__", None) or type(function).__name__


class FunctionDecorator(Protocol):
    """What `pycape.function` with options gives: it decorates as `pycape.function` itself does."""

    @overload
    def __call__(
        self, function: Callable[P, AsyncIterator[Member]], /
    ) -> TypedFunction[P, AsyncIterator[Member], list[Member], Member]: ...

    @overload
    def __call__(
        self, function: Callable[P, Iterator[Member]], /
    ) -> TypedFunction[P, Iterator[Member], list[Member], Member]: ...

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, Value]], /
    ) -> TypedFunction[P, Coroutine[Any, Any, Value], Value, Value]: ...

    @overload
    def __call__(
        self, function: Callable[P, Value], /
    ) -> TypedFunction[P, Value, Value, Value]: ...


@overload
def function(
    function: Callable[P, AsyncIterator[Member]], /
) -> TypedFunction[P, AsyncIterator[Member], list[Member], Member]: ...


@overload
def function(
    function: Callable[P, Iterator[Member]], /
) -> TypedFunction[P, Iterator[Member], list[Member], Member]: ...


@overload
def function(
    function: Callable[P, Coroutine[Any, Any, Value]], /
) -> TypedFunction[P, Coroutine[Any, Any, Value], Value, Value]: ...


@overload
def function(function: Callable[P, Value], /) -> TypedFunction[P, Value, Value, Value]: ...


@overload
def function(*, serde_hooks: Hooks) -> FunctionDecorator: ...


def function(function: Any = None, /, *, serde_hooks: Hooks | None = None) -> Any:
    """Make a function of values one that an enclave can run as well. Used as a decorator.

    Called, it runs here, as before. What `on` and `deploy` of it give runs it in an enclave, with
    the same arguments. Arguments and results are what `pycape.serde` knows. It may be a coroutine's
    function, and a generator, plain or asynchronous: `remote` then gives all that it yields as a
    list, `stream` gives each value as it comes.

    Args:
        function: The function.
        serde_hooks: A pair of functions for types of one's own, `serde.Hooks`, for both sides.

    Raises:
        TypeError: `function` cannot be called.
    """
    if function is None:
        return lambda function: TypedFunction(function, serde_hooks)
    return TypedFunction(function, serde_hooks)
