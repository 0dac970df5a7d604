"""What the operating system says is wrong, in our voice."""

from __future__ import annotations

import errno


def reason(error: OSError) -> str:
    """Return what the system says, without its number and the name of the file."""
    if error.errno == errno.EBADF:  # of a stream that the process was started without
        return "is closed"
    return (error.strerror or str(error)).lower()
