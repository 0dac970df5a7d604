"""Calls of functions, for the sync client; `_async_client_calls.py` is the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from . import _core, errors
from ._call_arguments import input_and_reading, only_argument
from ._client_connections import ClientConnections
from ._function_context import FunctionContext
from ._function_context_manager import FunctionContextManager, entered
from ._functions import Function, to_function_ref
from ._input_stream import Input
from ._logs import Logs, reader_of
from ._platform import Opened, Pcrs, Target
from ._result import Result
from ._retry import Retries
from ._transport import Connection
from .tokens import AnyToken, to_token

if TYPE_CHECKING:
    from .serde import Hooks

T = TypeVar("T")

_Opened: TypeAlias = Opened[Connection]


class ClientCalls(ClientConnections):
    """What calls functions: each over a connection of its own, or many over one."""

    _context: FunctionContext | None = None

    @overload
    def run(
        self,
        function: Function,
        token: AnyToken | None,
        *args: Input,
        pcrs: Pcrs | None = None,
        shared: bool = False,
        logs: Logs | None = None,
    ) -> bytes: ...

    @overload
    def run(
        self,
        function: Function,
        token: AnyToken | None,
        *args: Any,
        pcrs: Pcrs | None = None,
        serde_hooks: Hooks | None = None,
        use_serdio: bool = False,
        shared: bool = False,
        logs: Logs | None = None,
        **kwargs: Any,
    ) -> Any: ...

    def run(
        self,
        function: Function,
        token: AnyToken | None,
        *args: Any,
        pcrs: Pcrs | None = None,
        serde_hooks: Hooks | None = None,
        use_serdio: bool = False,
        shared: bool = False,
        logs: Logs | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run a function once, after its enclave has proved what it is.

        Args:
            function: Its id, `user/name`, the path of its JSON file, or a reference.
            token: A token, its text, or its file; None for a function of this account.
            args: The input: one contiguous buffer, or a binary file or an iterable of buffers,
                which is read as it is sent. If it starts with `cape:` the enclave opens it. Or with
                `use_serdio` the function's arguments, as they are.
            pcrs: Alternatives for each PCR, instead of the policy's values.
            serde_hooks: A pair of functions for types of one's own, `serde.Hooks`; they imply
                `use_serdio`.
            use_serdio: Send values, and return one, for functions that take them: `pycape.serde`.
            shared: Agree to a function whose callers share one process (`isolation = "function"`).
            logs: Called with what the function prints, as text in pieces, or a text file for it.
            kwargs: Arguments by name, with `use_serdio`.

        Returns:
            The output, whole and authenticated, or the value in it; an exception otherwise.

        Raises:
            TypeError: there is not one input, or it is text or neither buffer nor stream; or `logs`
                is neither a function nor a text file. Or a value is of a type that `serde` does not
                know.
            ValueError: the output holds no values, where they were asked for.
            PolicyRequired: no policy says which enclaves to trust.
            AttestationError: the enclave did not prove itself; nothing was sent.
            NotFound: the platform does not know the function.
            PermissionDenied: the token does not allow this.
            DecryptFailed: the input was encrypted for another account; nothing was sent.
            FunctionError: the function raised, took too long, or used too much.
            TimeoutExpired: a phase took longer than it may; `request` and `idle`: it may have run.
            StreamTruncated: the connection ended before the answer was whole; it may have run.
        """
        data, read = input_and_reading(args, kwargs, use_serdio, serde_hooks)
        reader = reader_of(logs)
        output = self._call_once(
            function,
            token,
            pcrs,
            lambda context, retries: context._output(data, shared, reader, retries),
        )
        return read(output)

    def call(
        self,
        function: Function,
        token: AnyToken | None,
        *args: Input,
        pcrs: Pcrs | None = None,
        shared: bool = False,
        logs: Logs | None = None,
    ) -> Result:
        """Run a function once, as `run` does, and return what is known of the call as well.

        The enclave signs a receipt of the call, which is verified before there is a result.

        Raises:
            CapeError: as `run`.
        """
        data, reader = only_argument(args), reader_of(logs)
        return self._call_once(
            function,
            token,
            pcrs,
            lambda context, retries: context._call(data, shared, reader, retries),
        )

    def function_context(
        self, function: Function, token: AnyToken | None, pcrs: Pcrs | None = None
    ) -> FunctionContextManager:
        """Return what opens one attested connection for many calls, by `with` (`async with`).

        Inside the block, in the thread or task that entered it, `invoke` of the client works as
        well as that of what it yields.

        Raises:
            TypeError: `function` is no function's name.
            ValueError: the text is none.
            CapeError: when it is entered, as `run` for what comes before the first call.
        """
        ref = to_function_ref(function)
        return FunctionContextManager(ref, lambda: self._stay_connected(ref, token, pcrs))

    def connect(self, function: Function, token: AnyToken | None, pcrs: Pcrs | None = None) -> None:
        """Open an attested connection for `invoke`; an open one is closed.

        Raises:
            CapeError: as `run`, for what comes before the first call.
        """
        self.close()
        self._context = self._stay_connected(function, token, pcrs)

    @overload
    def invoke(self, *args: Input, shared: bool = False, logs: Logs | None = None) -> bytes: ...

    @overload
    def invoke(
        self,
        *args: Any,
        serde_hooks: Hooks | None = None,
        use_serdio: bool = False,
        shared: bool = False,
        logs: Logs | None = None,
        **kwargs: Any,
    ) -> Any: ...

    def invoke(
        self,
        *args: Any,
        serde_hooks: Hooks | None = None,
        use_serdio: bool = False,
        shared: bool = False,
        logs: Logs | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call the function that `function_context` or `connect` opened a connection for.

        The arguments are those of `run`.

        Raises:
            ConfigError: there is no open connection.
            TypeError, ValueError: as `run`.
            CapeError: as `FunctionContext.call` besides.
        """
        data, read = input_and_reading(args, kwargs, use_serdio, serde_hooks)
        context = entered(self._platform) or self._context
        if context is None:
            raise errors.ConfigError(
                "there is no open connection",
                hint="call connect(function, token) first, or use function_context or run",
            )
        return read(context._output(data, shared, reader_of(logs)))

    def close(self) -> None:
        """Close the connection that `connect` opened; without one, do nothing."""
        context, self._context = self._context, None
        if context is not None:
            context.close()

    def _stay_connected(
        self, function: Function, token: AnyToken | None, pcrs: Pcrs | None
    ) -> FunctionContext:
        """Connect for calls that may take a while to come.

        An enclave closes a connection whose first message, which completes the handshake, does not
        come soon. Spec: docs/spec/session.md, times.
        """
        policy, target = self._aim(function, token, pcrs)

        def connect() -> _Opened:
            opened = self._open(policy, target)
            try:
                with self._platform.placements.judged(opened.place):
                    self._drive(opened.session.describe(), opened.connection)
            except BaseException:
                opened.connection.close()
                raise
            return opened

        # What a function keeps for a session is gone with it: its caller has to know.
        reopen = None if target.manifest.isolation == "session" else connect
        return FunctionContext(self, target, connect(), reopen)

    def _call_once(
        self,
        function: Function,
        token: AnyToken | None,
        pcrs: Pcrs | None,
        call: Callable[[FunctionContext, Retries], T],
    ) -> T:
        """Call a function over a connection of its own."""
        policy, target = self._aim(function, token, pcrs)

        def make(opened: _Opened, retries: Retries) -> T:
            return call(FunctionContext(self, target, opened), retries)

        return self._make(policy, target, make)

    def _aim(
        self, function: Function, token: AnyToken | None, pcrs: Pcrs | None
    ) -> tuple[_core.Policy, Target]:
        """Find out which function is meant, and what its enclave has to prove."""
        ref = to_function_ref(function)
        parsed = None if token is None else to_token(token)
        policy = self._platform.policy(pcrs)
        return policy, self._drive(self._platform.target(ref, parsed))
