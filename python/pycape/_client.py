"""The client."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypeVar, overload

from . import _core, envelope, errors
from ._arguments import only_progress, only_text
from ._buffer import Buffer, view
from ._call_arguments import input_and_reading, only_argument
from ._client_connections import ClientConnections, way_out
from ._client_files import ClientFiles
from ._deployments import check_bundle
from ._encryption_arguments import (
    DEFAULT_KEM,
    Recipient,
    check_anonymous,
    check_format,
    check_kem,
    encryption_context,
    recipients_of,
)
from ._function_context import FunctionContext
from ._function_context_manager import FunctionContextManager, entered
from ._function_names import check_function_name, default_name
from ._functions import Function, FunctionRef, to_function_ref
from ._input_stream import Input
from ._key_arguments import keep_key, kept_key
from ._key_cache import KeyRecord
from ._logs import Logs, reader_of
from ._platform import Opened, Pcrs, Target
from ._result import Result
from ._retry import Retries
from ._several import several
from ._timeout import Timeout
from ._transport import Connection, Transport
from ._user_names import only_account_id
from .keys import PublicKey
from .tokens import DEFAULT_EXPIRY, AnyToken, Token, seconds_of, to_token

if TYPE_CHECKING:
    from .packaging import Bundle, Progress
    from .packaging._progress import Report
    from .serde import Hooks

T = TypeVar("T")

_Opened: TypeAlias = Opened[Connection]


class Cape(ClientFiles, ClientConnections):
    """Confidential functions: encrypt, deploy, run.

    Every call that reaches an enclave first has its attestation document judged by a policy.
    Without a policy there is no call (`PolicyRequired`). Where an enclave was found is remembered,
    for five minutes at most, until it is of no use: the control plane is not asked for each call.

    Args:
        url: The control plane's address; else CAPE_URL, else the profile's.
        verbose: Log what is done, to the logger `pycape`; to stderr where nothing handles that.
        profile: The name of a profile; else CAPE_PROFILE, else the configuration's default.
        policy: Which enclaves to trust; else CAPE_POLICY, else the profile's.
        trust_roots: Where chains may end; else the profile's, else AWS's.
        config_dir: The configuration folder; else CAPE_CONFIG_DIR, else the user's.
        timeout: Seconds that each phase may take.
        max_retries: How often to try again what has not left, or had no room.
        ca_file: A file (PEM) of the authorities to trust for TLS; else CAPE_CA_FILE, else
            SSL_CERT_FILE or SSL_CERT_DIR, else those that browsers trust.
        transport: The way out; the network by default.

    Raises:
        TypeError: an argument is of another type.
        ValueError: `max_retries` is negative, or `ca_file` and `transport` are both given.
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
        ca_file: str | os.PathLike[str] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._transport = way_out(transport, ca_file)
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
        self._context: FunctionContext | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        self._transport.close()

    def encrypt(
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
        anonymous: bool = False,
        format: Literal["v1", "v2"] = "v2",  # noqa: A002 - it is the format's name
    ) -> bytes:
        """Encrypt data so that only an approved enclave, or a key of yours, can read it.

        Without a recipient it is for this client's own account. Whoever has an account's key can
        not open it: the key never leaves enclaves, which open it as input of the account's own
        functions only. `functions` narrows that further, and is the right thing when encrypting
        for somebody else, whose every function could read it otherwise.

        Args:
            input: Any contiguous buffer.
            username: A user name or account id.
            key: A public key, or its text; of an RSA key also PEM or DER (SubjectPublicKeyInfo).
            key_path: A file that holds one of these.
            recipient: A user name, an account id, a public key, or several of them.
            kem: "xwing" (safe against quantum computers too, about 1,750 characters on top) or
                "x25519" (about 300 characters); for accounts only, keys have their own.
            functions: The only functions that may read it: checksums, or references with one.
            not_after: The last moment at which an enclave may open it.
            context: Public, authenticated pairs of text.
            anonymous: Do not tell whose keys they are, 4 at most: who decrypts has to try. For keys
                only, since enclaves find an account's key by its id.
            format: "v1" for what the first system reads: for one RSA key, without rules and
                context. Enclaves of this system do not open it.

        Returns:
            Text that starts with `b"cape:2:"`, or `b"cape:"` for version 1.

        Raises:
            TypeError: `input` is text, or no contiguous buffer.
            ValueError: the arguments contradict each other, or break the rules of contexts.
            ConfigError: no platform is configured, and an account's key is wanted.
            KeyInvalid: `key` or the file's content is no public key.
            RecipientUnknown: nobody has that user name.
            RecipientChanged: the user name stood for another account before.
            PolicyRequired: an account's key is wanted and no policy says whom to ask.
            AttestationError: the enclave that answered did not prove itself.
        """
        data = view(input, "input")
        recipients = recipients_of(username, recipient, key, key_path)
        check_format(format, recipients)
        public = encryption_context(context, functions, not_after)
        keys = self._keys_for(recipients, kem, anonymous=anonymous)
        return envelope.seal(data, keys, context=public, anonymous=anonymous, format=format)

    def key(
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
            key_path: A file to keep this account's key in: read when it exists, else written. A key
                that is read counts for as long as you keep the file: neither its epoch nor the
                policy of today is looked at, as they are for what `key_record` remembers.
            pcrs: Alternatives for each PCR, instead of the policy's values. The key is then one
                that they vouch for, whatever is in the file, which is written anew.
            kem: "xwing" or "x25519".

        Raises:
            ValueError: both `username` and `key_path` are given.
            CapeError: as `encrypt` besides.
        """
        if username is not None and key_path is not None:
            raise ValueError("username and key_path exclude each other")
        check_kem(kem)
        if pcrs is None and (kept := kept_key(key_path)) is not None:
            return kept
        record = self.key_record(username=username, pcrs=pcrs, kem=kem)
        text = record.public_key.to_text().encode()
        keep_key(text, key_path)
        return text

    def key_record(
        self, *, username: str | None = None, pcrs: Pcrs | None = None, kem: str = DEFAULT_KEM
    ) -> KeyRecord:
        """Return an account's public key with its epoch, and what vouched for it when.

        Args:
            username: A user name or account id; this client's account by default.
            pcrs: Alternatives for each PCR, instead of the policy's values.
            kem: "xwing" or "x25519".

        Raises:
            TypeError: `username` is no text.
            ValueError: there is no such KEM.
            CapeError: as `encrypt` besides.
        """
        check_kem(kem)
        user = self._own_account() if username is None else only_text("username", username)
        account = self._drive(self._platform.user_names.account_of(user))
        return self._account_key(account, kem, pcrs)

    def deploy(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> FunctionRef:
        """Pack a folder and hand it, sealed, to an enclave.

        Deploying an unchanged folder again returns the function that is there: what becomes of a
        folder's content is remembered, so nothing is resolved, fetched or sent.

        Args:
            folder: A folder with app.py, or a zip of one.
            name: The function's name; else the one in its settings, else the folder's.
            progress: Called while the folder is packed and sent.

        Returns:
            A reference with id, full name and checksum.

        Raises:
            ValueError: a function cannot have that name.
            ConfigError: no profile says what enclaves to pack for.
            PackagingError: the folder cannot be packed, or the enclave takes no bundle of that
                size (BundleTooLarge); nothing was sent.
            ConnectFailed: the package index or the platform cannot be reached; nothing was sent.
            AttestationError: the enclave did not prove itself; nothing was sent.
            Conflict: somebody deployed the same version at the same time.
        """
        from .packaging._package import read_source  # noqa: PLC0415 - heavy, and few calls need it
        from .packaging._progress import silent  # noqa: PLC0415

        check_function_name(name)
        profile = self._platform.config.require_profile()
        report = only_progress(progress) or silent
        with read_source(
            folder, python=profile.python, platform=profile.platform, progress=report
        ) as source:
            chosen = default_name(folder, name, source.settings.name)
            known = self._drive(self._platform.deployments.made_before(source, chosen))
            if known is not None:
                return known
            with source.bundle() as bundle:
                return self._deploy(bundle, chosen, report)

    def create_token(
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
            NotFound: the platform does not know the function.
            PermissionDenied: the function belongs to another account.
            ValueError: the duration is malformed or too long.
        """
        seconds = seconds_of(expires)
        manifest = self._drive(self._platform.manifests.own(to_function_ref(function)))
        return self._sign_token(manifest.checksum, seconds, name)

    def revoke(self, *, tokens: Sequence[AnyToken] = (), functions: Sequence[Function] = ()) -> int:
        """Take back tokens, or all tokens of functions.

        It takes effect within `revocation_max_age_s` where the function's settings have it.
        Without it, clients notice within a minute, and whoever withholds the list from the enclave,
        an operator or the token's holder, can delay it until the token expires.

        Returns:
            The number of the published list.

        Raises:
            TokenInvalid: one of `tokens` is none.
            PermissionDenied: a token or a function is another account's.
            Conflict: a list with this number was published elsewhere meanwhile.
        """
        return self._drive(
            self._platform.revocations.revoke(
                [to_token(token) for token in several("tokens", tokens)],
                [to_function_ref(function) for function in several("functions", functions)],
            )
        )

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

    def attest(self) -> tuple[_core.VerifiedAttestation, _core.Description]:
        """Ask an enclave of the platform for its proof, and for what it says of itself.

        Raises:
            PolicyRequired: no policy says which enclaves to trust.
            AttestationError: the enclave did not prove itself.
        """
        return self._ask(self._platform.policy(), self._platform.describe)

    def functions(self, account: str | None = None) -> list[_core.Manifest]:
        """Return the manifests of an account's functions, this client's account by default.

        Args:
            account: A user name or account id.

        Raises:
            TypeError: `account` is no text.
            RecipientUnknown: nobody has that user name.
        """
        user = self.account_id if account is None else only_text("account", account)
        return self._drive(self._platform.manifests.all_of(user))

    def manifest(self, function: Function) -> _core.Manifest:
        """Return a function's manifest, verified.

        Raises:
            NotFound: the platform does not know the function.
            ChecksumMismatch: it is not the one that was asked for.
            Conflict: the directory offers an older version than was seen here.
        """
        return self._drive(self._platform.manifests.of(to_function_ref(function)))

    def verify_function(self, folder: str | os.PathLike[str], function: Function) -> _core.Manifest:
        """Pack a folder anew, and compare it with a function that is deployed: an audit.

        Args:
            folder: The function's folder with its lock file, or a zip of one.
            function: The function, of whoever's account.

        Returns:
            The function's manifest: this very folder and these settings are what its checksum
            stands for.

        Raises:
            ChecksumMismatch: the folder is another; the message says in what.
            NotFound: the platform does not know the function.
            PackagingError: the folder cannot be packed.
            ConnectFailed: the package index or the platform cannot be reached.
        """
        from .packaging import package  # noqa: PLC0415 - heavy, and few calls need it

        manifest = self.manifest(function)
        with package(folder, python=manifest.python, platform=manifest.platform) as bundle:
            check_bundle(bundle, manifest)
        return manifest

    def delete(self, function: Function) -> FunctionRef:
        """Delete a function of this account, with its sealed blobs.

        An enclave that has it loaded may go on running it: `revoke` it as well.

        Raises:
            NotFound: the platform does not know the function.
            PermissionDenied: it belongs to another account.
        """
        return self._drive(self._platform.deployments.delete(to_function_ref(function)))

    def claim_name(self, name: str) -> None:
        """Claim a user name for this account; first come, first served.

        Raises:
            TypeError: `name` is no text.
            ConfigError: no user name has this form.
            Conflict: another account has it.
        """
        self._drive(self._platform.user_names.claim(only_text("name", name)))

    def account_of(self, user: str) -> str:
        """Return the account id that a user name stands for, and remember it.

        Raises:
            TypeError: `user` is no text.
            RecipientUnknown: nobody has it, or it is new here and new ones are refused.
            RecipientChanged: it stood for another account before.
        """
        return self._drive(self._platform.user_names.account_of(only_text("user", user)))

    def trust_account(self, name: str, account: str | None = None) -> str:
        """Accept the account that a user name stands for now, and return its id.

        Args:
            name: The user name.
            account: The account id that its owner told by other means. Without it, whatever the
                directory says is accepted.

        Raises:
            TypeError: `name` or `account` is no text.
            RecipientUnknown: nobody has it.
            RecipientChanged: it is not `account`.
            KeyInvalid: `account` is no account id.
        """
        expected = None if account is None else only_account_id(account)
        return self._drive(self._platform.user_names.trust(only_text("name", name), expected))

    def rotate_keys(self) -> KeyRecord:
        """Begin a new epoch of this account's encryption keys, and return its first key.

        What is encrypted from now on is for the new keys; others' clients take them when they ask
        an enclave again, after seven days at most. Functions go on opening older epochs: to retire
        those, deploy with a higher `min_epoch` in the settings, and revoke the versions before.

        Raises:
            Conflict: a function would not open the new epoch: deploy it with a higher `min_epoch`
                first. Or the epoch was begun elsewhere meanwhile.
            PolicyRequired: no policy says which enclaves to trust.
            AttestationError: the enclave did not prove itself; nothing was published.
        """
        policy = self._platform.policy()
        rotation = self._drive(self._platform.keys.plan_rotation())
        return self._ask(
            policy, lambda session: self._platform.keys.rotate(session, rotation, DEFAULT_KEM)
        )

    def _deploy(self, bundle: Bundle, name: str, report: Report) -> FunctionRef:
        """Hand a bundle to an enclave, and enter it into the directory, unless it is there."""
        deployments = self._platform.deployments
        deployment = self._drive(deployments.plan(bundle, name))
        if not deployment.exists:
            with bundle.path.open("rb") as file:
                self._ask_at(
                    self._platform.policy(),
                    lambda opened: deployments.hand_over(opened, deployment, file, report),
                )
        return self._drive(deployments.publish(deployment))

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

    def _keys_for(
        self, recipients: list[Recipient] | None, kem: str, *, anonymous: bool
    ) -> list[PublicKey]:
        check_kem(kem)
        if anonymous:
            check_anonymous(recipients)
        keys = []
        for recipient in [self._own_account()] if recipients is None else recipients:
            if isinstance(recipient, PublicKey):
                keys.append(recipient)
                continue
            account = self._drive(self._platform.user_names.account_of(recipient))
            keys.append(self._account_key(account, kem, None).public_key)
        return keys

    def _account_key(self, account: str, kem: str, pcrs: Pcrs | None) -> KeyRecord:
        self._platform.config.require_url()
        policy = self._platform.policy(pcrs)
        cached = self._platform.keys.remembered(account, kem, policy)
        if cached is not None:
            return cached
        return self._ask(policy, lambda session: self._platform.keys.fetch(session, account, kem))
