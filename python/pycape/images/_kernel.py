"""A kernel's file: whether it is one, and what it says of its version."""

from __future__ import annotations

import re
from pathlib import Path

from pycape._files import no_file, unreadable
from pycape.errors import ImageError
from pycape.images._regular import check_regular

# Linux, Documentation/arch/x86/boot.rst and Documentation/arch/arm64/booting.rst.
_X86_MAGIC, _X86_MAGIC_AT = b"HdrS", 0x202
_X86_VERSION_AT, _X86_VERSION_FROM = 0x20E, 0x200
_ARM_MAGIC, _ARM_MAGIC_AT = b"ARM\x64", 56
_KINDS = {
    "x86_64": ("a bzImage", _X86_MAGIC, _X86_MAGIC_AT),
    "aarch64": ("an Image", _ARM_MAGIC, _ARM_MAGIC_AT),
}
_VERSION = re.compile(rb"[\x21-\x7e]{1,64}")
_BEGINNING = 64 << 10


def kernel_version(path: Path, architecture: str) -> str:
    """Return the version of a kernel, "unknown" where it says none.

    Raises ConfigError where there is no file, and ImageError where it is no kernel that an
    enclave of this architecture starts.
    """
    try:
        check_regular(path)
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except FileNotFoundError:
        raise no_file("kernel", path) from None
    except OSError as error:
        raise unreadable(path, error) from error
    if not _is_kernel(beginning, architecture):
        wanted, magic, at = _KINDS[architecture]
        other = next((each for each in _KINDS if _is_kernel(beginning, each)), None)
        why = f"it is one for {other}" if other else f"{wanted} has {magic.decode()} at byte {at}"
        raise ImageError(
            f"{path} is no kernel for {architecture}: {why}",
            hint="enclave-runtime/kernel/build makes one, for x86_64, and prints where it is",
        )
    if architecture != "x86_64":
        return "unknown"
    pointer = int.from_bytes(beginning[_X86_VERSION_AT : _X86_VERSION_AT + 2], "little")
    found = _VERSION.match(beginning, pointer + _X86_VERSION_FROM) if pointer else None
    return found[0].decode() if found else "unknown"


def _is_kernel(beginning: bytes, architecture: str) -> bool:
    _, magic, at = _KINDS[architecture]
    return beginning[at : at + len(magic)] == magic
