"""The operation `deploy`: a signed manifest, and the bundle that it names."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pycape import _core, errors
from pycape.packaging._unzip import unzip
from pycape.testing._call import Call

if TYPE_CHECKING:
    from pycape.testing._host import Host

# Bytes of a bundle, and of what comes out of it.
MAX_BUNDLE = 2**30
_MAX_UNPACKED = 4 * 2**30


def deploy(host: Host, call: Call) -> None:
    """Take a function in.

    Raises:
        PermissionDenied: its account has not signed this session.
        PackagingError: it is for another Python or platform.
        ChecksumMismatch: the bundle is not the one that the manifest names.
    """
    call.session.check_owner(call.opened)
    manifest = _core.Manifest.verify(call.opened.manifest or "")
    _check_fits(host, manifest)
    digest, size = hashlib.sha256(), 0
    folder = host.new_folder()
    archive = folder / "bundle.zip"
    with archive.open("xb") as file:
        for data in call.input():
            digest.update(data)
            size += len(data)
            file.write(data)
    if (size, digest.hexdigest()) != (manifest.bundle_size, manifest.bundle_sha256):
        raise errors.ChecksumMismatch("the bundle is not the one that the manifest names")
    unzip(archive, folder / "function", _MAX_UNPACKED)
    archive.unlink()
    host.functions[manifest.checksum] = (manifest, folder / "function")
    call.end(lambda: call.session.end(call.opened.call, b""))


def _check_fits(host: Host, manifest: _core.Manifest) -> None:
    if manifest.bundle_size > MAX_BUNDLE:
        raise errors.TooLarge(
            f"bundle of {manifest.bundle_size} bytes is over the limit of {MAX_BUNDLE}",
            details={"what": "bundle", "size": str(manifest.bundle_size), "limit": str(MAX_BUNDLE)},
        )
    if manifest.python != host.python:
        raise errors.PackagingError(
            f"the function is packed for Python {manifest.python}, this enclave runs {host.python}"
        )
    if manifest.platform != host.platform:
        raise errors.PackagingError(
            f"the function is packed for {manifest.platform}, this enclave is {host.platform}"
        )
