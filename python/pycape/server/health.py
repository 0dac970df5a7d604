"""Operations for whoever watches the control plane."""

from collections.abc import Sequence

from pycape.server.messages import Status
from pycape.server.metrics import MEDIA_TYPE
from pycape.server.operations import Answer, Call, Document, Operation
from pycape.server.readiness import OK, is_ready
from pycape.server.services import Services


def healthz(_services: Services, _call: Call) -> Answer:
    """Say that the process answers. A failure means: restart it."""
    return Answer(Status(OK, {}))


def readyz(services: Services, _call: Call) -> Answer:
    """Say whether clients can be served. A failure means: send them elsewhere, and wait."""
    report = services.readiness.report(services)
    ready = is_ready(report)
    status = Status(OK if ready else "not ready", dict(report))
    return Answer(status, status=200 if ready else 503)


def metrics(services: Services, _call: Call) -> Answer:
    """Tell how the control plane does, in numbers."""
    text = services.metrics.exposition(services.readiness.report(services))
    return Answer(Document(MEDIA_TYPE, text))


OPERATIONS: Sequence[Operation] = (
    Operation("GET", "/healthz", "Is the process alive", healthz, answers={200: Status}),
    Operation(
        "GET", "/readyz", "Can clients be served", readyz, answers={200: Status, 503: Status}
    ),
    Operation("GET", "/metrics", "How it does, in numbers", metrics, answers={200: MEDIA_TYPE}),
)
