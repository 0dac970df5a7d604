"""The image that enclaves boot from, and what it takes of the machine."""

from dataclasses import dataclass
from pathlib import Path

from pycape import images
from pycape.errors import ConfigError, ImageError
from pycape.host.configuration import Image

# nitro-cli refuses less.
TIMES_MEMORY = 4


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image that can be started: its file, its size in bytes, and PCR0 in hex."""

    path: Path
    size: int
    measurement: str


def check_image(image: Image) -> ImageFile:
    """Read the image, all of it, and return it if enclaves can be started of it.

    Raises:
        ConfigError: there is no such file, or it needs more memory than they have.
        ImageError: it is none of an image, or its signature does not hold, so that it never boots.
    """
    path = Path(image.file)
    found = images.read(path)
    if found.signature_defect is not None:
        raise ImageError(
            f"{path} would not boot: {found.signature_defect}",
            hint="sign it anew, with a certificate that counts: `cape image build --sign-cert`",
        )
    if image.memory_mib < least_memory_mib(found.size):
        raise ConfigError(
            f"memory_mib = {image.memory_mib} is too little for {path} of {found.size >> 20} MiB",
            hint=f"memory_mib = {least_memory_mib(found.size)} of [image], {TIMES_MEMORY} times "
            "the image's size, or more",
        )
    return ImageFile(path, found.size, found.pcrs[0].hex())


def least_memory_mib(size: int) -> int:
    """Return how many MiB an enclave needs whose image has so many bytes."""
    return -(-size * TIMES_MEMORY >> 20)
