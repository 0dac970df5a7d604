"""The image that enclaves boot from, and what it takes of the machine."""

from pathlib import Path

from pycape.errors import ConfigError
from pycape.host.configuration import Image

# The platform unpacks the image beside itself.
TIMES_MEMORY = 4


def check_fits(image: Image) -> Path:
    """Return the image's file, if its enclaves have memory for it.

    Raises:
        ConfigError: there is no such file, it is none of an image, or needs more memory.
    """
    path = Path(image.file)
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        size = path.stat().st_size
    except OSError as error:
        raise ConfigError(
            f"the image {path} cannot be read: {error.strerror}",
            hint="`cape image build` makes one; [image] file names it",
        ) from error
    if magic != b".eif":
        raise ConfigError(f"{path} is no enclave image", hint="`cape image build` makes one")
    if image.memory_mib < least_memory_mib(size):
        raise ConfigError(
            f"memory_mib = {image.memory_mib} is too little for {path} of {size >> 20} MiB",
            hint=f"memory_mib = {least_memory_mib(size)}, {TIMES_MEMORY} times its size, or more",
        )
    return path


def least_memory_mib(size: int) -> int:
    """Return how many MiB an enclave needs whose image has so many bytes."""
    return -(-size * TIMES_MEMORY >> 20)
