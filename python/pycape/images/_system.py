"""What the system says while images are made and read, as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pycape._system_errors import reason, remedy
from pycape.errors import ImageError


@contextmanager
def as_os_errors() -> Iterator[None]:
    """Raise what the core tells of the system as Python does it: the core raises no OSError."""
    try:
        yield
    except ImageError as error:
        if "errno" not in error.details:
            raise
        raise OSError(int(error.details["errno"]), str(error)) from None


@contextmanager
def as_our_errors() -> Iterator[None]:
    """Tell of what the system says as of other things that keep an image from being made."""
    try:
        with as_os_errors():
            yield
    except OSError as error:
        file = error.filename
        if isinstance(file, str):
            raise ImageError(f"{file}: {reason(error)}", hint=remedy(Path(file), error)) from error
        raise ImageError(
            f"the image cannot be made: {reason(error)}",
            hint="its folder needs room for the image twice",
        ) from error
