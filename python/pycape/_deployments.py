"""Deployments: from a bundle to a function in the directory, and out of it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from . import _core, errors
from ._clock import now_ms
from ._effects import Operation
from ._functions import FunctionRef
from ._known import KnownBundle
from ._readings import Answer
from ._upload import compressed, pays, pieces

if TYPE_CHECKING:
    from ._platform import Opened, Platform
    from .packaging import Bundle
    from .packaging._package import Source
    from .packaging._progress import Report


@dataclass(frozen=True)
class Deployment:
    """A signed manifest, and whether the platform has that function already."""

    text: str
    manifest: _core.Manifest
    exists: bool


class Deployments:
    """What an account deploys to one platform. Operations are generators without I/O."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def made_before(self, source: Source, name: str) -> Operation[FunctionRef | None]:
        """Return the function that a folder is already, if it is known here what becomes of it.

        What the directory offers is judged as for a bundle that was just made. None says that one
        has to be.
        """
        made = self._platform.known_bundles.get(source.fingerprint)
        if made is None:
            return None
        newest, _ = yield from self._platform.manifests.newest(self._platform.account.id, name)
        if newest is None or not _is_of(newest, _facts_of(source, made.sha256, made.size)):
            return None
        return _ref_of(newest)

    def plan(self, bundle: Bundle, name: str) -> Operation[Deployment]:
        """Sign the manifest of a bundle; an unchanged one is the function that exists already."""
        platform, account = self._platform, self._platform.account
        newest, last_version = yield from platform.manifests.newest(account.id, name)
        facts = _facts_of(bundle, bundle.sha256, bundle.size)
        platform.known_bundles.remember(bundle.fingerprint, KnownBundle(bundle.sha256, bundle.size))
        if newest is not None and _is_of(newest, facts):
            return Deployment(newest.text, newest, exists=True)
        version = max(last_version, platform.known_functions.version(account.id, name)) + 1
        text = account.sign_manifest(version=version, name=name, **facts)
        manifest = _core.Manifest.verify(text)
        yield from platform.keys.check_function(manifest)
        return Deployment(text, manifest, exists=False)

    def hand_over(
        self, opened: Opened[Any], deployment: Deployment, bundle: BinaryIO, report: Report
    ) -> Operation[Answer]:
        """Hand a bundle's file to an enclave that has room for it.

        Raises:
            BundleTooLarge: the enclave takes none of this size; nothing was sent.
        """
        session, size = opened.session, deployment.manifest.bundle_size
        _, description = yield from self._platform.describe(session)
        if description.runtime is not None:
            _check_size(size, description.runtime.limits.deploy_bytes)
        zstd = pays(bundle, size, opened.place.url)
        content = pieces(bundle, size, report)
        return (
            yield from session.deploy(
                deployment.text,
                session.sign_owner_proof(self._platform.account),
                compressed(content) if zstd else content,
                zstd=zstd,
            )
        )

    def publish(self, deployment: Deployment) -> Operation[FunctionRef]:
        """Enter a deployed function into the directory."""
        manifest = deployment.manifest
        if not deployment.exists:
            yield from self._platform.directory.register(deployment.text)
            self._platform.known_functions.check(
                manifest.account, manifest.name, manifest.version, manifest.checksum
            )
        return _ref_of(manifest)

    def delete(self, ref: FunctionRef) -> Operation[FunctionRef]:
        """Delete a function of this account."""
        manifest = yield from self._platform.manifests.own(ref)
        path = f"/v2/functions/{manifest.function_id}"
        request = self._platform.account.sign_request("DELETE", path, now_ms())
        yield from self._platform.directory.delete(manifest.function_id, request)
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


def _ref_of(manifest: _core.Manifest) -> FunctionRef:
    return FunctionRef(
        manifest.function_id,
        f"{manifest.account}/{manifest.name}",
        manifest.checksum,
        account=manifest.account,
    )
