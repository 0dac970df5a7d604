"""Who signs images, and signing one that is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pycape import _core
from pycape._arguments import only_path, only_progress
from pycape._clock import now_ms, show_time
from pycape._core import ImageSigner
from pycape._files import no_file, read_bytes
from pycape._whole_file import whole_file
from pycape.errors import ImageError, ImageMalformed, KeyInvalid
from pycape.images._arguments import only
from pycape.images._build import BuiltImage
from pycape.images._cuts import check_cuts
from pycape.images._image import Section
from pycape.images._platform import platform_in
from pycape.images._progress import Progress, silent
from pycape.images._regular import check_regular
from pycape.images._system import as_our_errors

if TYPE_CHECKING:
    from os import PathLike

    from pycape.images._progress import Report

_OF_CONTENT = (0, 1, 2)

_HOW = (
    "`openssl ecparam -name secp384r1 -genkey -noout` makes a key, and `openssl req -new -x509` its"
    " certificate"
)


def load_signer(key: str | PathLike[str], certificate: str | PathLike[str]) -> ImageSigner:
    """Return the signer of a key on P-384 and its certificate, both in PEM.

    Raises ConfigError where a file is missing, KeyInvalid where they are something else or do not
    belong together, and ImageError for a certificate that is not valid now.
    """
    texts = []
    for what, path in (("certificate", certificate), ("private key", key)):
        file = only_path(what, path)
        text = read_bytes(file)
        if text is None:
            raise no_file(what, file)
        texts.append(text)
    try:
        signer = ImageSigner(*texts)
    except KeyInvalid as error:
        raise KeyInvalid(
            f"the key {key}, the certificate {certificate}: {error}", hint=_hint(*texts)
        ) from error
    if not signer.is_valid_at(now_ms()):
        begin, end = (
            show_time(moment)
            for moment in (signer.certificate.not_before, signer.certificate.not_after)
        )
        raise ImageError(
            f"{certificate} is valid from {begin} to {end}, and not now",
            hint="hosts refuse what is signed under it: take a certificate that is valid",
        )
    return signer


def _hint(certificate: bytes, key: bytes) -> str:
    """Return what to do about files that sign nothing."""
    try:
        ImageSigner(key, certificate)
    except KeyInvalid:
        return _HOW
    return "they are the wrong way round: each file is the other one"


def sign(
    path: str | PathLike[str],
    output: str | PathLike[str],
    signer: ImageSigner,
    *,
    progress: Report | None = None,
) -> BuiltImage:
    """Write an image that is not signed to another file, signed.

    Raises ConfigError where there is none, ImageMalformed for what is no image, and ImageError for
    one that is signed already, could be cut into other code that the signature would cover too, or
    changes meanwhile, and where a file cannot be read or written.
    """
    source, target = only_path("path", path), only_path("output", output)
    signer, report = only(ImageSigner, "signer", signer), only_progress(progress) or silent
    with as_our_errors():
        if not source.exists():
            raise no_file("image", source)
        check_regular(source)
        found = source.stat()
        size = found.st_size
        try:
            image = _core.read_image(source, lambda done: report(Progress("read", done, size)))
        except ImageMalformed as error:
            raise ImageMalformed(f"{source}: {error}") from error
        if image.certificate is not None:
            raise ImageError(
                f"{source} is signed already", hint="sign the image that was built without a key"
            )
        sections = [Section(*section) for section in image.sections]
        ramdisks = [section for section in sections if section.kind == "ramdisk"]
        platform = platform_in(source, ramdisks, report)
        report(Progress("write", 0, size))
        # What only its owner could read may hold a vault's key.
        with whole_file(target, mode=found.st_mode & 0o666) as file:
            signed = Path(f"/dev/fd/{file.fileno()}")
            pcrs = _core.sign_image(
                source, image, signed, signer, lambda done: report(Progress("write", done, size))
            )
            if any(pcrs[index] != image.pcrs[index] for index in _OF_CONTENT):
                raise ImageError(
                    f"{source} was changed while it was signed", hint="sign what nobody writes to"
                )
            check_cuts(signed)
        return BuiltImage(target, target.stat().st_size, pcrs, platform, {})
