"""The policy that callers pin images by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycape._core import Policy, Release
from pycape._several import several
from pycape.errors import ImageError
from pycape.images._arguments import only
from pycape.images._image import Image

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

_OF_IMAGE, _OF_SIGNER = (0, 1, 2), (8,)


def policy_of(
    images: Iterable[Image],
    *,
    signer: bool = False,
    name: str | None = None,
    vault: bytes | str | None = None,
    not_after: date | None = None,
) -> Policy:
    """Return the policy that accepts enclaves of these images: a release each, by PCR0, 1 and 2.

    With `signer` a release accepts whatever the image's signer signs, by PCR8 alone. `name` is
    the release's, else the image's own; `vault` the platform's id, `not_after` the last day.

    Raises ImageError for an image whose signature does not hold, with `signer` for one without,
    and ValueError for no image at all, a malformed `vault`, or one `name` for several.
    """
    images = [only(Image, "each of images", image) for image in several("images", images)]
    if name is not None and len(images) > 1:
        raise ValueError("one name is given, and several images: each needs a name of its own")
    registers = _OF_SIGNER if signer else _OF_IMAGE
    releases: list[Release] = []
    for image in images:
        _check_signature(image, needed=signer)
        pcrs: dict[int, bytes | str] = {index: image.pcrs[index] for index in registers}
        release = Release(pcrs, vault, name or image.name, not_after)
        if release.pcrs not in [each.pcrs for each in releases]:
            releases.append(release)
    return Policy(releases)


def _check_signature(image: Image, *, needed: bool) -> None:
    if image.signature_defect is not None:
        raise ImageError(
            f"{image.path}: {image.signature_defect}",
            hint="no host starts it as it is: sign the unsigned image again",
        )
    if needed and image.certificate is None:
        raise ImageError(
            f"{image.path} is not signed, and its signer is to be pinned",
            hint="`cape image sign FILE -o SIGNED --sign-key KEY --sign-cert CERTIFICATE` signs it",
        )
