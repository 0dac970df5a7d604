"""A deployed function of values, for the async client. See `_remote_function.py`."""

from __future__ import annotations

from collections.abc import AsyncIterable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from ._async_map import Items, Results, map_in_order, together
from ._several import several_by_name
from ._typed_call import Callee, TypedCall, calls_ahead
from ._value_stream import AsyncValueStream

if TYPE_CHECKING:
    from ._async_client import AsyncCape
    from ._async_function_context import AsyncFunctionContext
    from ._functions import FunctionRef

P = ParamSpec("P")
Value = TypeVar("Value")
Member = TypeVar("Member")
Argument = TypeVar("Argument")
Argument_contra = TypeVar("Argument_contra", contravariant=True)
Given = TypeVar("Given")
Given_co = TypeVar("Given_co", covariant=True)


class _OfOne(Protocol[Argument_contra, Given_co]):
    """What can be called with one argument: what a `map` over one iterable takes follows."""

    def remote(self, argument: Argument_contra, /) -> Coroutine[Any, Any, Given_co]:
        """Call it."""


class AsyncRemoteFunction(Generic[P, Value, Member]):
    """A function of values where it is deployed: `on` and `deploy` of a decorated function give it.

    Each call is judged by the client's policy before anything is sent, as by `Cape.run`.
    """

    def __init__(self, call: TypedCall, client: AsyncCape, callee: Callee) -> None:
        self._call = call
        self._client = client
        self._callee = callee

    @property
    def ref(self) -> FunctionRef:
        """What names the deployed function."""
        return self._callee.function

    async def remote(self, /, *args: P.args, **kwargs: P.kwargs) -> Value:
        """Call the function in an enclave, and return what it gives; of a generator all, as a list.

        Raises:
            TypeError: the arguments do not fit the function, or one is no value; nothing was sent.
            ValueError: an argument cannot be encoded; nothing was sent. Or the output is no value.
            CapeError: as `Cape.run` besides.
        """
        callee = self._callee
        output = await self._client.run(
            callee.function,
            callee.token,
            self._call.arguments(args, kwargs),
            pcrs=callee.pcrs,
            shared=callee.shared,
            logs=callee.logs,
        )
        return cast("Value", self._call.value(output))

    def stream(self, /, *args: P.args, **kwargs: P.kwargs) -> AsyncValueStream[Member]:
        """Call the function, and give what it yields as it comes; or the one value that it gives.

        The call begins when the first value is wanted, over a connection of its own. That all
        values came, and that the receipt holds, is known when the iteration ends by itself; it
        raises otherwise, after values that were given already.

        Raises:
            TypeError, ValueError: as `remote`, before anything is sent.
            StreamTruncated: while iterating: the connection ended before the values did.
            CapeError: as `FunctionContext.stream` besides, while iterating.
        """
        data, callee = self._call.arguments(args, kwargs), self._callee
        return AsyncValueStream(
            self._connect,
            lambda context: context.stream(data, shared=callee.shared, logs=callee.logs),
            self._call.reader(),
        )

    @overload
    def map(
        self: _OfOne[Argument, Given],
        iterable: Items[Argument],
        /,
        *,
        kwargs: None = None,
        connections: int = 1,
        buffersize: int | None = None,
    ) -> Results[Given]: ...

    @overload
    def map(
        self,
        first: Items[Any],
        second: Items[Any],
        /,
        *others: Items[Any],
        kwargs: None = None,
        connections: int = 1,
        buffersize: int | None = None,
    ) -> Results[Value]: ...

    @overload
    def map(
        self,
        *iterables: Items[Any],
        kwargs: Mapping[str, Any],
        connections: int = 1,
        buffersize: int | None = None,
    ) -> Results[Value]: ...

    def map(
        self,
        *iterables: Any,
        kwargs: Mapping[str, Any] | None = None,
        connections: int = 1,
        buffersize: int | None = None,
    ) -> Results[Any]:
        """Call the function for each item, and give the results in the order of the items.

        As of the built-in `map`, several iterables are gone through together, and the shortest
        ends it. They are read, by who takes results, as far as `buffersize` allows. Where a call
        fails, no further one begins; the results before it are given, then its error is raised,
        whose notes and details have the call's index, and calls that still run are cancelled, as
        they are when the iterator is closed.

        Args:
            iterables: The items, one iterable for each positional argument.
            kwargs: Arguments by name, the same for each call.
            connections: The calls that run at a time, each over an attested connection of its own,
                which serves one call after the other.
            buffersize: The calls whose results were not taken yet, at most: those that run, wait or
                have ended; twice the connections by default.

        Raises:
            TypeError: there is no iterable, or something else, or a number is none.
            ValueError: a number is below 1.
            CapeError: as `remote`, while iterating.
        """
        ahead = calls_ahead(iterables, Iterable | AsyncIterable, connections, buffersize)
        callee, named = self._callee, several_by_name("kwargs", kwargs)
        inputs = (self._call.arguments(args, named) async for args in together(iterables))

        async def call(context: AsyncFunctionContext, data: bytes) -> Value:
            output = await context.invoke(data, shared=callee.shared, logs=callee.logs)
            return cast("Value", self._call.value(output))

        return map_in_order(call, inputs, self._connect, connections=connections, buffersize=ahead)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._call.name} at {self._callee.function!r}>"

    async def _connect(self) -> AsyncFunctionContext:
        callee = self._callee
        return await self._client._stay_connected(callee.function, callee.token, callee.pcrs)
