"""Hosts, and the placement of who runs on which: told by their agents, believed by nobody.

What a host says decides where clients go, and nothing else: whoever they find there has to prove
itself. It is in memory for as long as it counts, which is seconds; a second control plane is told
the same by the hosts themselves.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from threading import Lock

from pycape import _address
from pycape.errors import Conflict, NotFound, PermissionDenied, ProtocolError
from pycape.server.admissions import Admissions
from pycape.server.log import Logger, get_logger
from pycape.server.messages import HostName, HostReport
from pycape.server.operations import BEARER, Answer, Call, Operation
from pycape.server.placement import PLACEMENT_SECONDS, Place, Placement
from pycape.server.services import Services

BEAT_SECONDS = 2.0
MISSED_BEATS = 3
SILENT_SECONDS = MISSED_BEATS * BEAT_SECONDS
_CHOICES = 2
_PATH = "/v2/hosts/"

log: Logger = get_logger()


class HostsPlacement:
    """The hosts that report, and two random choices among those that take calls.

    `admissions` says which may. A host that is silent for three beats is gone, and one that is
    admitted no more at once.
    """

    def __init__(
        self,
        admissions: Admissions,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._admissions = admissions
        self._clock = clock
        self._monotonic = monotonic
        self._lock = Lock()
        self._heard: dict[str, tuple[float, HostReport]] = {}

    def may_report(self, name: str, authorization: str) -> bool:
        """Tell whether a header `Authorization` has a token of this host."""
        scheme, _, token = authorization.partition(" ")
        return scheme == BEARER and self._admissions.holds(name, token)

    def hear(self, name: str, report: HostReport) -> None:
        """Note what a host says of itself.

        Raises:
            Conflict: another agent reports under this name, and does not drain.
        """
        with self._lock:
            self._forget_the_silent()
            _, known = self._heard.get(name, (0.0, None))
            if known is None:
                log.info("host reports", host=name, url=report.url)
            elif known.instance != report.instance:
                if not known.draining:
                    raise _two_of_one_name(name, known, report)
                log.info("host reports anew", host=name, url=report.url)
            self._heard.pop(name, None)  # who was heard last is the last
            self._heard[name] = (self._monotonic(), report)

    def place(self, checksum: str | None) -> Place | None:  # noqa: ARG002 all have all functions
        """Choose the less busy of two random hosts."""
        with self._lock:
            self._forget_the_silent()
            self._forget_the_dismissed()
            open_ = [report for _, report in self._heard.values() if _takes_calls(report)]
        if not open_:
            return None
        drawn = random.sample(open_, min(_CHOICES, len(open_)))
        chosen = min(drawn, key=lambda report: report.calls / report.slots)
        return Place(chosen.url, self._clock() + PLACEMENT_SECONDS)

    def _forget_the_silent(self) -> None:
        oldest = self._monotonic() - SILENT_SECONDS
        silent = takewhile(lambda name: self._heard[name][0] < oldest, self._heard)
        for name in [*silent]:
            del self._heard[name]
            log.warning("host silent", host=name)

    def _forget_the_dismissed(self) -> None:
        for name in self._heard.keys() - self._admissions.names():
            del self._heard[name]
            log.warning("host dismissed", host=name)


def reporting_host(placement: Placement, path: str, headers: Mapping[str, str]) -> str | None:
    """Return the name of the host whose report a request is, if it proves itself; else None."""
    if not isinstance(placement, HostsPlacement) or not path.startswith(_PATH):
        return None
    name = path.removeprefix(_PATH)
    return name if placement.may_report(name, headers.get("Authorization", "")) else None


def report_host(services: Services, call: Call) -> Answer:
    """Note where a host's enclaves are, and how busy."""
    hosts = services.placement
    if not isinstance(hosts, HostsPlacement):
        raise NotFound(
            "this control plane takes no reports of hosts", hint="`cape host serve --hosts`"
        )
    name = call.path_value("host", HostName)
    if not hosts.may_report(name, call.headers.get("Authorization", "")):
        raise PermissionDenied(
            f"not a token of the host {name}",
            status=401,
            hint=f"`cape host admit {name}` makes one, for token_file of the host's configuration",
        )
    report = call.json(HostReport)
    try:
        _address.enclave(report.url)
    except ValueError as error:
        raise ProtocolError(f"the host's address: {error}") from error
    vault = services.platform().vault
    if report.vault != vault:
        raise Conflict(
            "the host serves another vault", details={"host": report.vault, "platform": vault}
        )
    hosts.hear(name, report)
    return Answer(None, status=204)


def _two_of_one_name(name: str, known: HostReport, other: HostReport) -> Conflict:
    log.warning("two hosts of one name", host=name, url=known.url, refused=other.url)
    return Conflict(
        f"another agent reports as {name} already",
        hint=f"`name` of host.toml differs from host to host; one that was killed counts for "
        f"{SILENT_SECONDS:.0f} s yet",
        details={"url": known.url},
    )


def _takes_calls(report: HostReport) -> bool:
    return report.enclaves > 0 and report.slots > 0 and not report.draining


OPERATIONS: Sequence[Operation] = (
    Operation(
        "PUT",
        f"{_PATH}{{host}}",
        "Report a host",
        report_host,
        body=HostReport,
        authorization=BEARER,
        answers={204: None},
        refusals=(401, 404, 409),
    ),
)
