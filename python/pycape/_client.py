"""The client."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from . import _core
from ._client_accounts import ClientAccounts
from ._client_calls import ClientCalls
from ._client_connections import way_out
from ._client_files import ClientFiles
from ._client_functions import ClientFunctions
from ._timeout import Timeout
from ._transport import Transport


class Cape(ClientAccounts, ClientCalls, ClientFunctions, ClientFiles):
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

    def attest(self) -> tuple[_core.VerifiedAttestation, _core.Description]:
        """Ask an enclave of the platform for its proof, and for what it says of itself.

        Raises:
            PolicyRequired: no policy says which enclaves to trust.
            AttestationError: the enclave did not prove itself.
        """
        return self._ask(self._platform.policy(), self._platform.describe)
