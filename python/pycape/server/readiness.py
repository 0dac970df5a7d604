"""Whether clients can be served: each part that they need, asked now.

The checks write, so whoever asks often is told what was found a moment ago.
"""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from pycape.server.log import Logger, get_logger

if TYPE_CHECKING:
    from pycape.server.services import Services

OK = "ok"
VALID_SECONDS = 1.0

log: Logger = get_logger()


class Readiness:
    """What the checks found, for as long as it counts."""

    def __init__(self, valid_seconds: float = VALID_SECONDS) -> None:
        self._valid_seconds = valid_seconds
        self._lock = Lock()
        self._found: Mapping[str, str] = {}
        self._until = 0.0

    def report(self, services: "Services") -> Mapping[str, str]:
        """Return what each check found: `ok`, or what is wrong. Blocks."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._found = {name: check(services) for name, check in CHECKS.items()}
                self._until = time.monotonic() + self._valid_seconds
            return self._found


def is_ready(report: Mapping[str, str]) -> bool:
    """Tell whether clients can be served."""
    return all(found == OK for found in report.values())


def _blobs(services: "Services") -> str:
    try:
        services.blobs.check()
    except OSError as error:
        log.warning("blobs failed", error=type(error).__name__)
        return f"nothing can be stored ({type(error).__name__}: {error.strerror})"
    return OK


def _placement(services: "Services") -> str:
    return OK if services.placement.place(None) else "no enclave is running"


def _records(services: "Services") -> str:
    try:
        current = services.records.check(services.clock())
    except SQLAlchemyError as error:
        log.warning("records failed", error=type(error).__name__)
        return f"the database does not answer, or takes no changes ({type(error).__name__})"
    return OK if current else "the database has another version's schema"


CHECKS: Mapping[str, Callable[["Services"], str]] = {
    "blobs": _blobs,
    "placement": _placement,
    "records": _records,
}
