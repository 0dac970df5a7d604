"""A disk that is full."""

import resource
from contextlib import contextmanager


@contextmanager
def room_for(size: int):
    """The limit of a process stands in for that of a disk: `write` takes what fits, then fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
