"""Operations for whoever watches the control plane."""

from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from pycape.server.messages import Status
from pycape.server.operations import Answer, Call, Operation
from pycape.server.services import Services

OK = "ok"


def healthz(_services: Services, _call: Call) -> Answer:
    """Say that the process answers. A failure means: restart it."""
    return Answer(Status(OK, {}))


def readyz(services: Services, _call: Call) -> Answer:
    """Say whether clients can be served. A failure means: send them elsewhere, and wait."""
    checks = {
        "blobs": _blobs(services),
        "placement": OK if services.placement.place(None) else "no enclave is running",
        "records": _records(services),
    }
    ready = all(outcome == OK for outcome in checks.values())
    return Answer(Status(OK if ready else "not ready", checks), status=200 if ready else 503)


OPERATIONS: Sequence[Operation] = (
    Operation("GET", "/healthz", "Is the process alive", healthz, answers={200: Status}),
    Operation(
        "GET", "/readyz", "Can clients be served", readyz, answers={200: Status, 503: Status}
    ),
)


def _records(services: Services) -> str:
    try:
        current = services.records.check()
    except SQLAlchemyError as error:
        return f"the database does not answer ({type(error).__name__})"
    return OK if current else "the database has another version's schema"


def _blobs(services: Services) -> str:
    try:
        services.blobs.check()
    except OSError as error:
        return f"the store of blobs does not answer ({type(error).__name__})"
    return OK
