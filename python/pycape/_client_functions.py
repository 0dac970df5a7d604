"""Functions and their tokens, for the sync client; `_async_client_functions.py` is the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from . import _core
from ._arguments import only_progress, only_text
from ._client_connections import ClientConnections
from ._deployments import check_bundle
from ._function_names import check_function_name, default_name
from ._functions import Function, FunctionRef, to_function_ref
from ._several import several
from .tokens import DEFAULT_EXPIRY, AnyToken, IssuedToken, Token, seconds_of

if TYPE_CHECKING:
    from .packaging import Bundle, Progress
    from .packaging._progress import Report


class ClientFunctions(ClientConnections):
    """What a client does with functions, but for calling them."""

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

        The token is not kept; what is remembered of it here, `tokens` returns.

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
        return self._issue_token(manifest, seconds, name)

    def tokens(self) -> list[IssuedToken]:
        """Return what is remembered of the tokens that this account made here, the last one first.

        Those that were made on other machines, or with another profile, are not among them. What
        expired is listed for 30 days more; of more than 1,000 those that expire last are.

        Raises:
            ConfigError: no platform is configured, or what is remembered is damaged.
            ConnectFailed: the platform, which has the revocation list, cannot be reached.
        """
        return self._drive(self._platform.revocations.issued_tokens())

    def revoke(
        self,
        *,
        tokens: Sequence[AnyToken | IssuedToken] = (),
        functions: Sequence[Function] = (),
    ) -> int:
        """Take back tokens, or all tokens of functions.

        A token is meant by itself, its text or its file, or by what `tokens` returns of it.

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
                several("tokens", tokens),
                [to_function_ref(function) for function in several("functions", functions)],
            )
        )

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

    def verify_function(
        self,
        folder: str | os.PathLike[str],
        function: Function,
        *,
        build_sdists: bool = False,
    ) -> _core.Manifest:
        """Pack a folder anew, and compare it with a function that is deployed: an audit.

        Args:
            folder: The function's folder with its lock file, or a zip of one.
            function: The function, of whoever's account.
            build_sdists: Whether a folder may be packed whose settings have dependencies built,
                which runs code of the folder's author on this machine.

        Returns:
            The function's manifest: this very folder and these settings are what its checksum
            stands for.

        Raises:
            ChecksumMismatch: the folder is another; the message says in what.
            NotFound: the platform does not know the function.
            PackagingError: the folder cannot be packed.
            FileRefused: it could be with `build_sdists` only.
            ConnectFailed: the package index or the platform cannot be reached.
        """
        from .packaging import package  # noqa: PLC0415 - heavy, and few calls need it

        manifest = self.manifest(function)
        with package(
            folder,
            python=manifest.python,
            platform=manifest.platform,
            build_sdists=build_sdists,
        ) as bundle:
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
