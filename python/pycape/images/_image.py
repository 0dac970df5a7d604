"""What is in an image file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pycape import _core
from pycape._arguments import only_path, only_progress
from pycape._clock import milliseconds, now_ms
from pycape._files import no_file
from pycape._system_errors import reason, remedy
from pycape.errors import ImageError, ImageMalformed
from pycape.images._progress import Progress, silent
from pycape.images._regular import check_regular
from pycape.images._system import as_os_errors

if TYPE_CHECKING:
    from datetime import datetime
    from os import PathLike

    from pycape._core import SigningCertificate
    from pycape.images._progress import Report


@dataclass(frozen=True)
class Section:
    """A section of an image: where its content begins, and its bytes."""

    kind: Literal["kernel", "command_line", "metadata", "ramdisk", "signature"]
    offset: int
    size: int


@dataclass(frozen=True)
class Image:
    """An image whose form is right, and what an enclave is measured as that is started from it.

    `pcrs` are 48 bytes each, of PCR0, 1, 2 and 8. `memory` (bytes), `cpus` and `metadata` are not
    measured: anybody may have written them. `certificate` is whose the image says it is, and
    `signature_defect` why that does not hold; None where it does, or where nobody says so.
    """

    path: Path
    size: int
    architecture: Literal["aarch64", "x86_64"]
    memory: int
    cpus: int
    command_line: str
    metadata: Mapping[str, Any] = field(repr=False)
    sections: tuple[Section, ...] = field(repr=False)
    pcrs: Mapping[int, bytes] = field(repr=False)
    certificate: SigningCertificate | None = field(repr=False)
    signature_defect: str | None

    @property
    def ramdisks(self) -> tuple[Section, ...]:
        """The sections that hold files."""
        return tuple(section for section in self.sections if section.kind == "ramdisk")

    @property
    def name(self) -> str:
        """The name and the version that the image gives itself."""
        return f"{self.metadata['ImageName']} {self.metadata['ImageVersion']}"


def read(
    path: str | PathLike[str], *, now: datetime | None = None, progress: Report | None = None
) -> Image:
    """Read an image file, whatever its size, in pieces. Its signature is judged at `now`.

    Raises ConfigError where there is no file, ImageMalformed for what is no image, ImageError
    where it cannot be read, and ValueError for a `now` without a time zone.
    """
    file = only_path("path", path)
    moment = now_ms() if now is None else milliseconds(now)
    found, size = _read(file, only_progress(progress) or silent)
    return Image(
        path=file,
        size=size,
        architecture=found.architecture,
        memory=found.default_memory,
        cpus=found.default_cpus,
        command_line=found.command_line,
        metadata=json.loads(found.metadata),
        sections=tuple(Section(*section) for section in found.sections),
        pcrs=found.pcrs,
        certificate=found.certificate,
        signature_defect=_defect(found, moment),
    )


def _read(file: Path, report: Report) -> tuple[_core.EnclaveImage, int]:
    try:
        check_regular(file)
        size = file.stat().st_size
        with as_os_errors():
            found = _core.read_image(file, lambda done: report(Progress("read", done, size)))
    except FileNotFoundError:
        raise no_file("image", file) from None
    except OSError as error:
        raise ImageError(f"{file}: {reason(error)}", hint=remedy(file, error)) from error
    except ImageMalformed as error:
        raise ImageMalformed(f"{file}: {error}") from error
    return found, size


def _defect(image: _core.EnclaveImage, moment: int) -> str | None:
    if image.certificate is None:
        return None
    try:
        image.verify_signature(moment)
    except ImageError as error:
        return str(error)
    return None
