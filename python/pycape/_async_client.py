"""The client for asynchronous code: the same names, with `await`."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from . import _core, errors
from ._client_base import (
    DEFAULT_EXPIRY,
    AnyToken,
    Buffer,
    ClientBase,
    Function,
    Pcrs,
    Recipient,
    default_name,
    key_file,
    one_recipient_argument,
    only_argument,
    refuse_serdio,
    seal,
    tell_nobody,
    view,
)
from ._effects import Operation
from ._functions import FunctionRef, to_function_ref
from ._platform import DEFAULT_KEM, Target, pause
from ._result import Result, Timing
from ._session import Answer, Session
from ._timeout import Timeout
from ._transport import AsyncConnection, AsyncNetworkTransport, AsyncTransport, drive_async
from .keys import PublicKey
from .tokens import Token, to_token

if TYPE_CHECKING:
    from .packaging import Progress

T = TypeVar("T")


class AsyncCape(ClientBase):
    """Confidential functions: encrypt, deploy, run.

    Every call that reaches an enclave first has its attestation document judged by a policy.
    Without a policy there is no call (`PolicyRequired`).

    Args:
        url: The control plane's address; else CAPE_URL, else the profile's.
        verbose: Log what is done, to the logger `pycape`.
        profile: The name of a profile; else CAPE_PROFILE, else the configuration's default.
        policy: Which enclaves to trust; else CAPE_POLICY, else the profile's.
        trust_roots: Where chains may end; else the profile's, else AWS's.
        config_dir: The configuration folder; else CAPE_CONFIG_DIR, else the user's.
        timeout: Seconds that each phase may take.
        max_retries: How often to try again what has not left, or had no room.
        transport: The way out; the network by default.

    Raises:
        ConfigError: the configuration is malformed, or names a profile that is missing.
    """

    def __init__(
        self,
        url: str | None = None,
        verbose: bool = False,
        *,
        profile: str | None = None,
        policy: _core.Policy | None = None,
        trust_roots: _core.TrustRoots | None = None,
        config_dir: str | os.PathLike[str] | None = None,
        timeout: Timeout | None = None,
        max_retries: int = 2,
        transport: AsyncTransport | None = None,
    ) -> None:
        super().__init__(
            url,
            verbose,
            profile=profile,
            policy=policy,
            trust_roots=trust_roots,
            config_dir=config_dir,
            timeout=timeout,
            max_retries=max_retries,
        )
        self._transport: AsyncTransport = transport or AsyncNetworkTransport()
        self._context: AsyncFunctionContext | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()
        await self._transport.close()

    async def encrypt(
        self,
        input: Buffer,  # noqa: A002 - the name that users know
        *,
        username: str | None = None,
        key: bytes | str | PublicKey | None = None,
        key_path: str | os.PathLike[str] | None = None,
        recipient: Recipient | Sequence[Recipient] | None = None,
        kem: str = DEFAULT_KEM,
        functions: Sequence[Function] | None = None,
        not_after: datetime | None = None,
        context: Mapping[str, str] | None = None,
    ) -> bytes:
        """Encrypt data so that only an approved enclave, or a key of yours, can read it.

        Without a recipient it is for this client's own account. Whoever has an account's key can
        not open it: the key never leaves enclaves, which open it as input of the account's own
        functions only. `functions` narrows that further, and is the right thing when encrypting
        for somebody else, whose every function could read it otherwise.

        Args:
            input: Any contiguous buffer.
            username: A user name or account id.
            key: A public key, or its text.
            key_path: A file that holds a public key's text.
            recipient: A user name, an account id, a public key, or several of them.
            kem: "xwing" (safe against quantum computers too, about 1,750 characters on top) or
                "x25519" (about 300 characters); for accounts only, keys have their own.
            functions: The only functions that may read it.
            not_after: The last moment at which an enclave may open it.
            context: Public, authenticated pairs of text.

        Returns:
            Text that starts with `b"cape:2:"`.

        Raises:
            TypeError: `input` is text, or no buffer.
            ValueError: the arguments contradict each other.
            RecipientUnknown: nobody has that user name.
            RecipientChanged: the user name stood for another account before.
            PolicyRequired: an account's key is wanted and no policy says whom to ask.
            AttestationError: the enclave that answered did not prove itself.
        """
        view(input)
        recipients = one_recipient_argument(username, recipient, key, key_path)
        keys = await self._public_keys([self.account_id] if recipients is None else recipients, kem)
        return seal(input, keys, functions=functions, not_after=not_after, context=context)

    async def key(
        self,
        *,
        username: str | None = None,
        key_path: str | os.PathLike[str] | None = None,
        pcrs: Pcrs | None = None,
        kem: str = DEFAULT_KEM,
    ) -> bytes:
        """Return an account's public key as text (`b"capepk1..."`), for `encrypt(key=...)`.

        Args:
            username: A user name or account id; this client's account by default.
            key_path: A file: read when it exists, else written.
            pcrs: Alternatives for each PCR, instead of the policy's.
            kem: "xwing" or "x25519".

        Raises:
            As `encrypt`.
        """
        path = None if key_path is None else key_file(key_path)
        if path is not None and path.exists():
            return path.read_bytes().strip()
        [key] = await self._public_keys([username or self.account_id], kem, pcrs)
        text = key.to_text().encode()
        if path is not None:
            path.write_bytes(text)
        return text

    async def deploy(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> FunctionRef:
        """Pack a folder and hand it, sealed, to an enclave.

        Deploying an unchanged folder again returns the function that is there.

        Args:
            folder: A folder with app.py, or a zip of one.
            name: The function's name; else the one in its settings, else the folder's.
            progress: Called while the folder is packed.

        Returns:
            A reference with id, full name and checksum.

        Raises:
            PackagingError: the folder cannot be packed; nothing was sent.
            AttestationError: the enclave did not prove itself; nothing was sent.
            Conflict: somebody deployed the same version at the same time.
        """
        from .packaging import package  # noqa: PLC0415 - heavy, and few calls need it

        profile = self._platform.config.require_profile()
        report = progress or tell_nobody
        with await asyncio.to_thread(
            package, folder, python=profile.python, platform=profile.platform, progress=report
        ) as bundle:
            chosen = default_name(folder, name, bundle.settings.name)
            deployment = await self._drive(self._platform.plan_deployment(bundle, chosen))
            if not deployment.exists:
                with bundle.path.open("rb") as file:
                    async with self._session(self._platform.policy(), None) as (
                        session,
                        connection,
                        _,
                    ):
                        proof = session.sign_owner_proof(self._platform.account)
                        chunks = iter(lambda: file.read(1 << 20), b"")
                        await self._drive(
                            session.deploy(deployment.text, proof, chunks), connection
                        )
            return await self._drive(self._platform.publish(deployment))

    async def create_token(
        self,
        function: Function,
        *,
        expires: str | float = DEFAULT_EXPIRY,
        name: str | None = None,
    ) -> Token:
        """Let somebody run one function of this account.

        Args:
            function: The function; a token holds for this version of it.
            expires: "30d", "12h", "300s", or seconds; 90 days at most.
            name: What it is for, shown when tokens are listed or inspected.

        Raises:
            PermissionDenied: the function belongs to another account.
            ValueError: the duration is malformed or too long.
        """
        manifest = await self._drive(self._platform.own_function(to_function_ref(function)))
        return self._sign_token(manifest.checksum, expires, name)

    async def revoke(
        self, *, tokens: Sequence[AnyToken] = (), functions: Sequence[Function] = ()
    ) -> int:
        """Take back tokens, or all tokens of functions.

        It takes effect within `revocation_max_age_s` where the function's settings have it;
        without it an operator who withholds the list can delay it until the tokens expire.

        Returns:
            The number of the published list.
        """
        return await self._drive(
            self._platform.revoke(
                [to_token(token) for token in tokens],
                [to_function_ref(function) for function in functions],
            )
        )

    async def run(
        self,
        function: Function,
        token: AnyToken | None,
        *args: Buffer,
        pcrs: Pcrs | None = None,
        serde_hooks: Any = None,
        use_serdio: bool = False,
        shared: bool = False,
    ) -> bytes:
        """Run a function once, after its enclave has proved what it is.

        Args:
            function: Its id, `user/name`, the path of its JSON file, or a reference.
            token: A token, its text, or its file; None for a function of this account.
            args: The input: one contiguous buffer. If it starts with `cape:` the enclave opens it.
            pcrs: Alternatives for each PCR, instead of the policy's.
            serde_hooks: Of the first system; not supported yet.
            use_serdio: Of the first system; not supported yet.
            shared: Agree to a function whose callers share one process (`isolation = "function"`).

        Returns:
            The output, whole and authenticated; an exception otherwise.

        Raises:
            AttestationError: the enclave did not prove itself; nothing was sent.
            PermissionDenied: the token does not allow this.
            FunctionError: the function raised, took too long, or used too much.
            StreamTruncated: the connection ended before the answer was whole.
        """
        refuse_serdio(use_serdio, serde_hooks)
        return (await self.call(function, token, *args, pcrs=pcrs, shared=shared)).output

    async def call(
        self,
        function: Function,
        token: AnyToken | None,
        *args: Buffer,
        pcrs: Pcrs | None = None,
        shared: bool = False,
    ) -> Result:
        """Run a function once, as `run` does, and return what is known of the call as well."""
        only_argument(args)
        context = await self._connect(function, token, pcrs)
        try:
            return await context.call(*args, shared=shared)
        finally:
            await context.close()

    @asynccontextmanager
    async def function_context(
        self, function: Function, token: AnyToken | None, pcrs: Pcrs | None = None
    ) -> AsyncIterator[AsyncFunctionContext]:
        """Open one attested connection for many calls of one function.

        Inside the block both `invoke` of what it yields and of the client work.
        """
        context = await self._connect(function, token, pcrs)
        outer, self._context = self._context, context
        try:
            yield context
        finally:
            self._context = outer
            await context.close()

    async def connect(
        self, function: Function, token: AnyToken | None, pcrs: Pcrs | None = None
    ) -> None:
        """Open an attested connection for `invoke`; an open one is closed."""
        await self.close()
        self._context = await self._connect(function, token, pcrs)

    async def invoke(
        self, *args: Buffer, serde_hooks: Any = None, use_serdio: bool = False, shared: bool = False
    ) -> bytes:
        """Call the function that `connect` or `function_context` opened a connection for.

        Raises:
            ConfigError: there is no open connection.
        """
        refuse_serdio(use_serdio, serde_hooks)
        if self._context is None:
            raise errors.ConfigError(
                "there is no open connection",
                hint="call connect(function, token) first, or use function_context or run",
            )
        return await self._context.invoke(*args, shared=shared)

    async def close(self) -> None:
        """Close the connection that `connect` opened; without one, do nothing."""
        if self._context is not None:
            await self._context.close()
            self._context = None

    async def attest(self) -> tuple[_core.VerifiedAttestation, _core.Description]:
        """Ask an enclave of the platform for its proof, and for what it says of itself."""
        async with self._session(self._platform.policy(), None) as (session, connection, _):
            answer = await self._drive(session.describe(), connection)
            if answer.description is None:
                raise errors.ProtocolError("the enclave did not describe itself")
            return session.attestation, answer.description

    async def functions(self, account: str | None = None) -> list[_core.Manifest]:
        """Return the manifests of an account's functions, this client's account by default."""
        return await self._drive(self._platform.functions(account or self.account_id))

    async def manifest(self, function: Function) -> _core.Manifest:
        """Return a function's manifest, verified."""
        return await self._drive(self._platform.manifest(to_function_ref(function)))

    async def delete(self, function: Function) -> FunctionRef:
        """Delete a function of this account, with its sealed blobs."""
        return await self._drive(self._platform.delete(to_function_ref(function)))

    async def claim_name(self, name: str) -> None:
        """Claim a user name for this account; first come, first served."""
        await self._drive(self._platform.claim_name(name))

    async def account_of(self, user: str) -> str:
        """Return the account id that a user name stands for, by the rules for names."""
        return await self._drive(self._platform.account_of(user))

    async def trust_account(self, name: str) -> str:
        """Accept whatever account a user name stands for now, and return its id."""
        return await self._drive(self._platform.trust_account(name))

    async def rotate_keys(self) -> int:
        """Begin a new epoch of this account's encryption keys, and return its number."""
        return await self._drive(self._platform.rotate_keys())

    async def _connect(
        self, function: Function, token: AnyToken | None, pcrs: Pcrs | None
    ) -> AsyncFunctionContext:
        ref = to_function_ref(function)
        parsed = None if token is None else to_token(token)
        policy = self._policy(ref, pcrs)
        target = await self._drive(self._platform.target(ref, parsed))
        return AsyncFunctionContext(self, target, *await self._open(policy, target))

    async def _public_keys(
        self, recipients: Sequence[Recipient], kem: str, pcrs: Pcrs | None = None
    ) -> list[PublicKey]:
        keys = []
        for recipient in recipients:
            if isinstance(recipient, PublicKey):
                keys.append(recipient)
                continue
            account = await self._drive(self._platform.account_of(recipient))
            keys.append(await self._account_key(account, kem, pcrs))
        return keys

    async def _account_key(self, account: str, kem: str, pcrs: Pcrs | None) -> PublicKey:
        self._platform.config.require_url()
        policy = self._policy(None, pcrs)
        cached = self._platform.cached_key(account, kem, policy)
        if cached is not None:
            return cached
        async with self._session(policy, None) as (session, connection, _):
            return await self._drive(self._platform.fetch_key(session, account, kem), connection)

    @asynccontextmanager
    async def _session(
        self, policy: _core.Policy, target: Target | None
    ) -> AsyncIterator[tuple[Session, AsyncConnection, Timing]]:
        session, connection, timing = await self._open(policy, target)
        try:
            yield session, connection, timing
        finally:
            await connection.close()

    async def _open(
        self, policy: _core.Policy, target: Target | None
    ) -> tuple[Session, AsyncConnection, Timing]:
        """Place, connect, attest: what has sent nothing yet may be tried again."""
        attempt = 0
        while True:
            try:
                return await self._open_once(policy, target)
            except (errors.ConnectFailed, errors.Overloaded) as error:
                if attempt >= self._options.max_retries:
                    raise
                await asyncio.sleep(pause(attempt, error))
                attempt += 1

    async def _open_once(
        self, policy: _core.Policy, target: Target | None
    ) -> tuple[Session, AsyncConnection, Timing]:
        start = time.perf_counter()
        function_id = None if target is None else target.manifest.function_id
        url, handshake = await self._drive(self._platform.place(function_id))
        placed = time.perf_counter()
        connection = await self._transport.connect(url, self._options.timeout.connect)
        connected = time.perf_counter()
        try:
            session = await self._drive(self._platform.attest(handshake, policy), connection)
        except BaseException:
            await connection.close()
            raise
        timing = Timing(placed - start, connected - placed, time.perf_counter() - connected)
        return session, connection, timing

    async def _drive(self, operation: Operation[T], connection: AsyncConnection | None = None) -> T:
        return await drive_async(operation, self._transport, self._options.timeout, connection)


class AsyncFunctionContext:
    """One attested connection, for many calls of one function."""

    def __init__(
        self,
        client: AsyncCape,
        target: Target,
        session: Session,
        connection: AsyncConnection,
        timing: Timing,
    ) -> None:
        self._client = client
        self._target = target
        self._session = session
        self._connection = connection
        self._timing = timing
        self._one_call = asyncio.Lock()

    @property
    def verified(self) -> _core.VerifiedAttestation:
        """What the enclave proved when the connection was opened."""
        return self._session.attestation

    async def invoke(self, *args: Buffer, shared: bool = False) -> bytes:
        """Call the function with one contiguous buffer and return its output."""
        return (await self.call(*args, shared=shared)).output

    async def call(self, *args: Buffer, shared: bool = False) -> Result:
        """Call the function and return what is known of the call as well."""
        data = only_argument(args)
        client = self._client
        operation = client._platform.run(
            self._session,
            self._target,
            data,
            shared=shared,
            max_retries=client._options.max_retries,
        )
        async with self._one_call:
            start = time.perf_counter()
            answer: Answer = await client._drive(operation, self._connection)
        run = time.perf_counter() - start
        timing, self._timing = replace(self._timing, run=run), Timing()
        return Result(answer.output, self._target.checksum, timing, answer.usage, self.verified)

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()
