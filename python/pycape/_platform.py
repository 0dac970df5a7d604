"""What both clients share: settings, trust, memory, and the sessions on a platform."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from . import _core, errors
from ._account import load_or_create_account
from ._account_keys import AccountKeys
from ._config import Config
from ._deployments import Deployments
from ._directory import Directory
from ._effects import Operation, Sleep
from ._functions import FunctionRef
from ._input_stream import InputStream
from ._known import KnownAccounts, KnownBundles, KnownFunctions, KnownRevocations
from ._known_tokens import KnownTokens
from ._manifests import Manifests
from ._placements import Place, Placements
from ._readings import RunAnswer
from ._result import Timing
from ._retry import Retries
from ._revocations import Revocations
from ._session import OFFER, Session
from ._several import several_by_name
from ._user_names import UserNames
from .tokens import Token

if TYPE_CHECKING:
    from ._logs import LogReader

C = TypeVar("C")

Pcrs: TypeAlias = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Target:
    """A function that a session is about to run; `token` is None for the account's own."""

    manifest: _core.Manifest
    token: str | None


@dataclass(frozen=True)
class Opened(Generic[C]):
    """A session, the connection it is on, where that leads, and what it took to come there."""

    session: Session
    connection: C
    place: Place
    timing: Timing


class Platform:
    """One platform as one account sees it. Operations are generators without I/O."""

    def __init__(
        self,
        config: Config,
        *,
        policy: _core.Policy | None,
        trust_roots: _core.TrustRoots | None,
    ) -> None:
        self.config = config
        self._policy = policy
        self._trust_roots = trust_roots
        self.chain_cache = _core.ChainCache()
        self.placements = Placements()
        self.user_names = UserNames(self)
        self.manifests = Manifests(self)
        self.revocations = Revocations(self)
        self.deployments = Deployments(self)
        # Lists of all platforms: they name none, so an older one could be shown on another.
        self.known_revocations = KnownRevocations(config.directory / "known_revocations")
        self.known_bundles = KnownBundles(config.directory / "known_bundles")

    @cached_property
    def known_accounts(self) -> KnownAccounts:
        """What user names stood for on this platform.

        Raises:
            ConfigError: the profile's name is none.
        """
        return KnownAccounts(self.config.known / "accounts", strict=self.config.strict_accounts)

    @cached_property
    def known_functions(self) -> KnownFunctions:
        """How far versions of functions had come on this platform.

        Raises:
            ConfigError: the profile's name is none.
        """
        return KnownFunctions(self.config.known / "functions")

    @cached_property
    def known_tokens(self) -> KnownTokens:
        """Which tokens were issued here for functions on this platform.

        Raises:
            ConfigError: the profile's name is none.
        """
        return KnownTokens(self.config.known / "tokens")

    @cached_property
    def keys(self) -> AccountKeys:
        """Accounts' encryption keys on this platform.

        Raises:
            ConfigError: the profile's name is none.
        """
        return AccountKeys(self)

    @property
    def directory(self) -> Directory:
        """The control plane."""
        return Directory(self.config.require_url())

    @cached_property
    def account(self) -> _core.Account:
        """This client's account; made when there is none.

        Raises:
            ConfigError: its key's file cannot be used.
        """
        return load_or_create_account(self.config.account_key_file)

    @property
    def trust_roots(self) -> _core.TrustRoots:
        """The roots a chain may end at: the argument's, the profile's, or AWS's."""
        if self._trust_roots is not None:
            return self._trust_roots
        profile = self.config.profile
        return _core.TrustRoots.aws() if profile is None else profile.roots()

    def policy(self, pcrs: Pcrs | None = None) -> _core.Policy:
        """Return the policy to judge an enclave by.

        `pcrs` are the first system's `{"0": ["hex", ...]}`: alternatives for each register, in the
        place of what the policy's releases pin there. Where an image is named (PCR 0, or 1 and 2),
        nothing stays of their PCR 0, 1 and 2. Their other registers, vault ids and dates stay.

        Raises:
            ConfigError: no platform is configured at all.
            PolicyRequired: there is none.
            TypeError: `pcrs` is something else.
            ValueError: an index is no number, or no alternative is given for one.
        """
        policy = self._policy
        if policy is None:
            self.config.require_url()
            policy = self.config.require_policy()
        return policy if pcrs is None else policy.with_alternatives(_registers(pcrs))

    def target(self, ref: FunctionRef, token: Token | None) -> Operation[Target]:
        """Find out which function is meant, from what is signed, never from what is said.

        Raises:
            NotFound: the platform does not know the function.
            TokenWrongFunction: the token is for another function.
            ChecksumMismatch: the function is not the one that the reference pins.
        """
        manifest = yield from self.manifests.of(ref)
        if token is None:
            if manifest.account != self.account.id:
                raise errors.TokenInvalid(
                    f"the function belongs to {manifest.account}: running it takes a token",
                    hint="ask its owner for one (`cape token create`)",
                )
        elif (subject := token.inspect().checksum) != manifest.checksum:
            raise errors.TokenWrongFunction(
                f"the token is for {subject}, the function is {manifest.checksum}"
            )
        return Target(manifest, None if token is None else token.token)

    def kept_place(self, function_id: str | None) -> Place | None:
        """Return where an enclave was found before, for as long as that may be remembered."""
        return self.placements.get(self.directory.purpose(function_id))

    def place(self, function_id: str | None) -> Operation[Place]:
        """Ask where an enclave takes a session."""
        return self.directory.place(function_id)

    def handshake(self, place: Place) -> tuple[str, _core.ClientHandshake]:
        """Return the address to connect to, and the handshake that its query belongs to."""
        handshake = _core.ClientHandshake(OFFER)
        return f"{place.url}?{handshake.query}", handshake

    def attest(self, handshake: _core.ClientHandshake, policy: _core.Policy) -> Operation[Session]:
        """Judge the enclave at the other end."""
        return Session.attest(handshake, self.trust_roots, policy, self.chain_cache)

    def describe(
        self, session: Session
    ) -> Operation[tuple[_core.VerifiedAttestation, _core.Description]]:
        """Return what an enclave proved, and what it says of itself."""
        answer = yield from session.describe()
        if answer.description is None:
            raise errors.ProtocolError("the enclave did not describe itself")
        return session.attestation, answer.description

    def run(
        self,
        session: Session,
        target: Target,
        data: memoryview | InputStream,
        *,
        shared: bool,
        logs: LogReader | None,
        retries: Retries,
        receipt: bool,
        streamed: bool = False,
    ) -> Operation[RunAnswer]:
        """Run a function; an enclave that had no room is asked again, since nothing ran.

        Unless the input is a stream, which is read once, or the session has ended.
        """
        if isinstance(data, memoryview):
            self._refuse_foreign_ciphertext(data, target.manifest.account)
        statements = yield from self.revocations.to_bring(target)
        proof = session.sign_owner_proof(self.account) if target.token is None else None
        while True:
            try:
                return (
                    yield from session.run(
                        target.manifest.checksum,
                        token=target.token,
                        owner_proof=proof,
                        statements=statements,
                        shared=shared,
                        data=data,
                        logs=logs,
                        receipt=receipt,
                        streamed=streamed,
                    )
                )
            except errors.Overloaded as error:
                if session.has_ended or not isinstance(data, memoryview):
                    raise
                seconds = retries.pause(error)
                if seconds is None:
                    raise
                yield Sleep(seconds)

    def _refuse_foreign_ciphertext(self, data: memoryview, account: str) -> None:
        """Say before anything is sent that a ciphertext is for others' functions only.

        A recipient that is not known here may be the function's owner.
        """
        if bytes(data[:7]) != b"cape:2:":
            return
        header = _core.inspect_envelope(data)
        key_ids = {stanza.key_id for stanza in header.recipients}
        owners = self.keys.cache.owners_of(key_ids)
        if owners.keys() != key_ids or account in owners.values():
            return
        owner = min(owners.values())
        raise errors.DecryptFailed(
            f"the input was encrypted for {owner}, and the function belongs to {account}",
            hint="encrypt it for the function's owner: encrypt(..., recipient=ACCOUNT_ID)",
            details={"encrypted_for": owner, "function_account": account},
        )


def _registers(pcrs: Pcrs) -> dict[int, Sequence[str]]:
    words = 'pcrs has the form {"0": ["hex", ...]}: a list of alternatives each'
    if not isinstance(pcrs, Mapping):
        raise TypeError(words)
    given = several_by_name("pcrs", pcrs)
    if any(isinstance(each, str) or not isinstance(each, Iterable) for each in given.values()):
        raise TypeError(words)
    if not all(isinstance(index, str | int) for index in given):
        raise TypeError(words)
    for index, alternatives in given.items():
        if not str(index).isdecimal():
            raise ValueError(f"pcrs names registers by their numbers, not {index!r}")
        if isinstance(alternatives, Sized) and not len(alternatives):
            raise ValueError(f"pcrs has no alternative for register {index}: nothing would fit")
    return {int(index): alternatives for index, alternatives in given.items()}
