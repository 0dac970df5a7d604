"""Functions on one platform, by what their owners signed and never by what a directory says.

Spec: docs/spec/trust.md, function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _core, errors
from ._effects import Operation
from ._functions import FunctionRef

if TYPE_CHECKING:
    from ._platform import Platform


class Manifests:
    """The manifests that a directory offers, verified. Operations are generators without I/O."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._verified: dict[str, _core.Manifest] = {}

    def of(self, ref: FunctionRef) -> Operation[_core.Manifest]:
        """Return a function's manifest, verified against what names it.

        Raises:
            NotFound: the platform does not know the function.
            ChecksumMismatch: the function is not the one that was asked for.
        """
        exact = ref.checksum or ref.id
        if exact is not None:
            return (yield from self._exactly(exact))
        account = yield from self._platform.user_names.account_of(ref.user or "")
        newest, _ = yield from self.newest(account, ref.name or "")
        if newest is None:
            raise errors.NotFound(f"there is no function {ref.full_name}")
        return newest

    def own(self, ref: FunctionRef) -> Operation[_core.Manifest]:
        """Return the manifest of a function that must be this account's.

        Raises:
            PermissionDenied: it is another's.
        """
        manifest = yield from self.of(ref)
        account = self._platform.account
        if manifest.account != account.id:
            raise errors.PermissionDenied(
                f"{manifest.function_id} belongs to {manifest.account}, "
                f"and this account is {account.id}",
                hint="only its owner can do that",
            )
        return manifest

    def newest(self, account: str, name: str) -> Operation[tuple[_core.Manifest | None, int]]:
        """Return the newest version of a name, and the highest number it ever had; 0 for none.

        Raises:
            Conflict: it is older than one seen before.
        """
        text, last_version = yield from self._platform.directory.newest(account, name)
        if text is None:
            return None, last_version
        manifest = _core.Manifest.verify(text)
        if (manifest.account, manifest.name) != (account, name):
            raise errors.ProtocolError(
                f"the directory answered with {manifest.account}/{manifest.name} "
                f"when asked for {account}/{name}"
            )
        self._platform.known_functions.check(account, name, manifest.version, manifest.checksum)
        return manifest, last_version

    def all_of(self, user: str) -> Operation[list[_core.Manifest]]:
        """Return the manifests of an account's functions; others' are left out."""
        account = yield from self._platform.user_names.account_of(user)
        texts = yield from self._platform.directory.manifests(account)
        manifests = [_core.Manifest.verify(text) for text in texts]
        return [manifest for manifest in manifests if manifest.account == account]

    def _exactly(self, named: str) -> Operation[_core.Manifest]:
        """Return the manifest with a checksum or id, which can stand for no other."""
        if named in self._verified:
            return self._verified[named]
        manifest = _core.Manifest.verify((yield from self._platform.directory.manifest(named)))
        if named not in {manifest.checksum, manifest.function_id}:
            raise errors.ChecksumMismatch(
                f"the directory answered with {manifest.checksum} when asked for {named}"
            )
        self._verified[named] = manifest
        return manifest
