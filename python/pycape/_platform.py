"""What both clients share: settings, trust, memory, and the operations on a platform."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeVar

from . import _core, errors
from ._account import load_or_create_account
from ._account_keys import AccountKeys
from ._clock import now_ms
from ._config import Config
from ._directory import Directory
from ._effects import Operation, Sleep
from ._fetched import Fetched
from ._functions import FunctionRef
from ._input_stream import InputStream
from ._known import (
    KnownAccounts,
    KnownBundle,
    KnownBundles,
    KnownFunctions,
    KnownRevocations,
)
from ._placements import Place, Placements
from ._readings import Answer, RunAnswer
from ._result import Timing
from ._retry import Retries
from ._session import OFFER, Session
from ._several import several_by_name
from ._strangers import named
from ._timeout import Timeout
from ._upload import compressed, pays, pieces
from .tokens import Token

if TYPE_CHECKING:
    from ._logs import LogReader
    from .packaging import Bundle
    from .packaging._package import Source
    from .packaging._progress import Report

C = TypeVar("C")

# Spec: docs/spec/trust.md, account.
_USER_NAME = re.compile(r"(?!cape1)[a-z][a-z0-9-]{2,31}")


@dataclass(frozen=True)
class Options:
    """How a client behaves; a copy with changes is cheap."""

    timeout: Timeout = field(default_factory=Timeout)
    max_retries: int = 2

    def __post_init__(self) -> None:
        if not isinstance(self.timeout, Timeout):
            raise TypeError(f"timeout is a Timeout, not {type(self.timeout).__name__}")
        if not isinstance(self.max_retries, int):
            raise TypeError(f"max_retries is a number, not {type(self.max_retries).__name__}")
        if self.max_retries < 0:
            raise ValueError(f"max_retries is {self.max_retries}: 0 or more")


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
        self._manifests: dict[str, _core.Manifest] = {}
        self._revocation_lists: dict[str, Fetched] = {}
        self.chain_cache = _core.ChainCache()
        self.placements = Placements()
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

    def policy(self, pcrs: Mapping[str, Sequence[str]] | None = None) -> _core.Policy:
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

    # What a name stands for

    def account_of(self, user: str) -> Operation[str]:
        """Return the account id that a user name or account id stands for.

        Raises:
            RecipientUnknown: it has neither form, or nobody has claimed the name.
            RecipientChanged: the name stood for another account.
        """
        if _core.is_account_id(user):
            return user
        account = yield from self._claimant(user)
        self.known_accounts.check(user, account)
        return account

    def trust_account(self, name: str, expected: str | None) -> Operation[str]:
        """Accept the account that a user name stands for now, which has to be the expected one.

        Raises:
            RecipientChanged: it is another.
        """
        account = yield from self._claimant(name)
        if expected not in {None, account}:
            raise errors.RecipientChanged(
                f"the directory says that {name} is {account}, and not {expected}",
                hint="the name is another's here: use the account id itself",
                details={"name": name, "expected": str(expected), "now": account},
            )
        self.known_accounts.trust(name, account)
        return account

    def claim_name(self, name: str) -> Operation[None]:
        """Claim a user name, and remember it as this account's."""
        yield from self.directory.claim_name(name, self.account.sign_name_claim(name))
        self.known_accounts.trust(name, self.account.id)

    def _claimant(self, name: str) -> Operation[str]:
        """Return the account that a directory proves to have claimed a name."""
        if not _USER_NAME.fullmatch(name):
            raise errors.RecipientUnknown(
                f"{named(name)} is neither an account id nor a user name",
                hint="a user name has 3 to 32 lower-case letters, digits and hyphens, a letter "
                "first; an account id (cape1...) has a checksum: copy it whole",
            )
        claim = yield from self.directory.name_claim(name)
        if claim is None:
            raise errors.RecipientUnknown(
                f"nobody has the user name {name!r} on {self.config.url.value}",
                hint="account ids (cape1...) need no directory and are always right",
            )
        account, claimed = _core.verify_name_claim(claim)
        if claimed != name:
            raise errors.RecipientUnknown(f"the directory answered with the claim of {claimed!r}")
        return account

    def target(self, ref: FunctionRef, token: Token | None) -> Operation[Target]:
        """Find out which function is meant, from what is signed, never from what is said.

        Raises:
            NotFound: the platform does not know the function.
            TokenWrongFunction: the token is for another function.
            ChecksumMismatch: the function is not the one that the reference pins.
        """
        manifest = yield from self.manifest(ref)
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

    def manifest(self, ref: FunctionRef) -> Operation[_core.Manifest]:
        """Return a function's manifest, verified against what names it.

        Raises:
            NotFound: the platform does not know the function.
            ChecksumMismatch: the function is not the one that was asked for.
        """
        exact = ref.checksum or ref.id
        if exact is not None:
            if exact in self._manifests:
                return self._manifests[exact]
            manifest = _core.Manifest.verify((yield from self.directory.manifest(exact)))
            if exact not in {manifest.checksum, manifest.function_id}:
                raise errors.ChecksumMismatch(
                    f"the directory answered with {manifest.checksum} when asked for {exact}"
                )
            self._manifests[exact] = manifest
            return manifest
        account = yield from self.account_of(ref.user or "")
        latest = yield from self.latest(account, ref.name or "")
        if latest is None:
            raise errors.NotFound(f"there is no function {ref.full_name}")
        return latest

    def latest(self, account: str, name: str) -> Operation[_core.Manifest | None]:
        """Return the newest version of a name, never one older than was seen before."""
        text, _ = yield from self.directory.newest(account, name)
        return None if text is None else self._judge_newest(text, account, name)

    def _judge_newest(self, text: str, account: str, name: str) -> _core.Manifest:
        manifest = _core.Manifest.verify(text)
        if (manifest.account, manifest.name) != (account, name):
            raise errors.ProtocolError(
                f"the directory answered with {manifest.account}/{manifest.name} "
                f"when asked for {account}/{name}"
            )
        self.known_functions.check(account, name, manifest.version, manifest.checksum)
        return manifest

    # Sessions

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
        statements = yield from self._revocations(target)
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

    def _revocations(self, target: Target) -> Operation[list[str]]:
        """Return the list to bring along: where there is a token, or the manifest demands a list.

        A demanded one is fetched for each call, since its age counts.
        """
        account, demanded = target.manifest.account, target.manifest.revocation_max_age_s
        if demanded is None and target.token is None:
            return []
        fetched = self._revocation_lists.get(account)
        if demanded is not None or fetched is None or fetched.is_old():
            fetched = Fetched.now((yield from self.directory.revocation_list(account)))
            self._revocation_lists[account] = fetched
        return [] if fetched.text is None else [fetched.text]

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

    # Functions of this account

    def functions(self, user: str) -> Operation[list[_core.Manifest]]:
        """Return the manifests of an account's functions; others' are left out."""
        account = yield from self.account_of(user)
        texts = yield from self.directory.manifests(account)
        manifests = [_core.Manifest.verify(text) for text in texts]
        return [manifest for manifest in manifests if manifest.account == account]

    def own_function(self, ref: FunctionRef) -> Operation[_core.Manifest]:
        """Return the manifest of a function that must be this account's.

        Raises:
            PermissionDenied: it is another's.
        """
        manifest = yield from self.manifest(ref)
        if manifest.account != self.account.id:
            raise errors.PermissionDenied(
                f"{manifest.function_id} belongs to {manifest.account}, "
                f"and this account is {self.account.id}",
                hint="only its owner can do that",
            )
        return manifest

    def delete(self, ref: FunctionRef) -> Operation[FunctionRef]:
        """Delete a function of this account."""
        manifest = yield from self.own_function(ref)
        path = f"/v2/functions/{manifest.function_id}"
        request = self.account.sign_request("DELETE", path, now_ms())
        yield from self.directory.delete(manifest.function_id, request)
        return _ref_of(manifest)

    def revoke(self, tokens: list[Token], functions: list[FunctionRef]) -> Operation[int]:
        """Publish a revocation list that holds what the last one held, and these.

        The last one is the later of the directory's and the one that was published from here.
        """
        account = self.account
        claims = [token.inspect() for token in tokens]
        for other in {each.account for each in claims} - {account.id}:
            raise errors.PermissionDenied(
                f"the token was issued by {other}, and this account is {account.id}",
                hint="only who issued a token can take it back",
            )
        last = yield from self._last_revocations(account.id)
        jtis = set(last.jtis if last else ()) | {each.jti for each in claims}
        checksums = set(last.checksums if last else ())
        for ref in functions:
            checksums.add((yield from self.own_function(ref)).checksum)
        number = 1 if last is None else last.number + 1
        revocations = account.sign_revocations(number, sorted(jtis), sorted(checksums), now_ms())
        yield from self.directory.publish_revocations(account.id, revocations)
        self.known_revocations.remember(account.id, revocations)
        self._revocation_lists[account.id] = Fetched.now(revocations)
        return number

    def _last_revocations(self, account: str) -> Operation[_core.RevocationList | None]:
        published = yield from self.directory.revocation_list(account)
        texts = (published, self.known_revocations.get(account))
        lists = [_core.RevocationList.verify(text) for text in texts if text is not None]
        if others := {each.account for each in lists} - {account}:
            raise errors.ProtocolError(f"the directory answered with the list of {min(others)}")
        return max(lists, key=lambda each: each.number, default=None)

    # Deployments

    def deployed_before(self, source: Source, name: str) -> Operation[FunctionRef | None]:
        """Return the function that a folder is already, if it is known here what becomes of it.

        What the directory offers is judged as for a bundle that was just made. None says that one
        has to be.
        """
        made = self.known_bundles.get(source.fingerprint)
        if made is None:
            return None
        latest = yield from self.latest(self.account.id, name)
        if latest is None or not _is_of(latest, _facts_of(source, made.sha256, made.size)):
            return None
        return _ref_of(latest)

    def plan_deployment(self, bundle: Bundle, name: str) -> Operation[Deployment]:
        """Sign the manifest of a bundle; an unchanged one is the function that exists already."""
        account = self.account.id
        newest, last_version = yield from self.directory.newest(account, name)
        latest = None if newest is None else self._judge_newest(newest, account, name)
        facts = _facts_of(bundle, bundle.sha256, bundle.size)
        self.known_bundles.remember(bundle.fingerprint, KnownBundle(bundle.sha256, bundle.size))
        if latest is not None and _is_of(latest, facts):
            return Deployment(latest.text, latest, exists=True)
        version = max(last_version, self.known_functions.version(account, name)) + 1
        text = self.account.sign_manifest(version=version, name=name, **facts)
        manifest = _core.Manifest.verify(text)
        yield from self.keys.check_function(manifest)
        return Deployment(text, manifest, exists=False)

    def hand_over(
        self, opened: Opened[Any], deployment: Deployment, bundle: BinaryIO, report: Report
    ) -> Operation[Answer]:
        """Hand a bundle's file to an enclave that has room for it.

        Raises:
            BundleTooLarge: the enclave takes none of this size; nothing was sent.
        """
        session, size = opened.session, deployment.manifest.bundle_size
        _, description = yield from self.describe(session)
        if description.runtime is not None:
            _check_size(size, description.runtime.limits.deploy_bytes)
        zstd = pays(bundle, size, opened.place.url)
        content = pieces(bundle, size, report)
        return (
            yield from session.deploy(
                deployment.text,
                session.sign_owner_proof(self.account),
                compressed(content) if zstd else content,
                zstd=zstd,
            )
        )

    def publish(self, deployment: Deployment) -> Operation[FunctionRef]:
        """Enter a deployed function into the directory."""
        manifest = deployment.manifest
        if not deployment.exists:
            yield from self.directory.register(deployment.text)
            self.known_functions.check(
                manifest.account, manifest.name, manifest.version, manifest.checksum
            )
        return _ref_of(manifest)


def check_bundle(bundle: Bundle, manifest: _core.Manifest) -> None:
    """Compare what was packed with what a manifest says that runs.

    Raises:
        ChecksumMismatch: they differ; the message says in what.
    """
    facts = _facts_of(bundle, bundle.sha256, bundle.size)
    different = [name for name, value in facts.items() if getattr(manifest, name) != value]
    if different:
        raise errors.ChecksumMismatch(
            f"the folder is not what function {manifest.function_id} was made of: "
            f"{', '.join(different)} {'differs' if len(different) == 1 else 'differ'}",
            hint="`cape package FOLDER --into DIR` shows what would be deployed; "
            "the lock file, the settings and, where it imports pycape, pycape's version count too",
            details={
                name: f"{facts[name]!r}, deployed {getattr(manifest, name)!r}" for name in different
            },
        )


def _check_size(size: int, limit: int) -> None:
    """Raise `BundleTooLarge` for more than an enclave takes."""
    if size > limit:
        raise errors.BundleTooLarge(
            f"the bundle has {size:,} bytes; this platform's enclave takes {limit:,}",
            hint="`cape deploy FOLDER --dry-run` shows what is large; .capeignore leaves files out",
            details={"size": str(size), "limit": str(limit)},
        )


def _facts_of(made: Bundle | Source, sha256: str, size: int) -> dict[str, Any]:
    """Return what a manifest says of a bundle with this digest and size."""
    settings = made.settings
    return {
        "bundle_sha256": sha256,
        "bundle_size": size,
        "python": made.python,
        "platform": made.platform,
        "handler": settings.handler,
        "isolation": settings.isolation,
        "memory_mib": settings.memory_mib,
        "timeout_s": settings.timeout_s,
        "env": dict(settings.env),
        "min_epoch": settings.min_epoch,
        "revocation_max_age_s": settings.revocation_max_age_s,
    }


def _is_of(manifest: _core.Manifest, facts: Mapping[str, Any]) -> bool:
    return all(getattr(manifest, name) == fact for name, fact in facts.items())


@dataclass(frozen=True)
class Deployment:
    """A signed manifest, and whether the platform has that function already."""

    text: str
    manifest: _core.Manifest
    exists: bool


def _ref_of(manifest: _core.Manifest) -> FunctionRef:
    return FunctionRef(
        manifest.function_id,
        f"{manifest.account}/{manifest.name}",
        manifest.checksum,
        account=manifest.account,
    )


def _registers(pcrs: Mapping[str, Sequence[str]]) -> dict[int, Sequence[str]]:
    words = 'pcrs has the form {"0": ["hex", ...]}: a list of alternatives each'
    if not isinstance(pcrs, Mapping):
        raise TypeError(words)
    given = several_by_name("pcrs", pcrs)
    if any(isinstance(each, str) for each in given.values()):
        raise TypeError(words)
    if not all(isinstance(index, str | int) for index in given):
        raise TypeError(words)
    return {int(index): alternatives for index, alternatives in given.items()}
