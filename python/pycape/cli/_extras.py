"""Parts of pycape that are installed only where they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pycape.errors import ConfigError


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import what the extra `name` brings; `ConfigError` when it is not installed."""
    try:
        yield
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] == "pycape":
            raise
        raise ConfigError(
            f"this needs {error.name}, which is not installed",
            hint=f"pip install 'pycape[{name}]'",
        ) from error
