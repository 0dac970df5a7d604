"""What the operations work with: the seams, each with whatever implementation runs here."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pycape.server.blobs import Blobs
from pycape.server.messages import Platform
from pycape.server.metrics import Metrics
from pycape.server.placement import Placement
from pycape.server.readiness import Readiness
from pycape.server.records import Records


def unix_time() -> int:
    """Tell the time in seconds since 1970, UTC."""
    return int(time.time())


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a control plane. None of them keeps anything that a second one would miss."""

    records: Records
    blobs: Blobs
    placement: Placement
    platform: Callable[[], Platform]
    clock: Callable[[], int] = unix_time
    metrics: Metrics = field(default_factory=Metrics)
    readiness: Readiness = field(default_factory=Readiness)
