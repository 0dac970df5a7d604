"""Hosts, and the placement of who runs on which: told by their agents, believed by nobody.

What a host says decides where clients go, and nothing else: whoever they find there has to prove
itself. It is in memory for as long as it counts, which is seconds; a second control plane is told
the same by the hosts themselves.
"""

import hmac
import random
import time
from collections.abc import Callable, Sequence
from threading import Lock

from pycape import _address
from pycape.errors import Conflict, NotFound, Overloaded, PermissionDenied, ProtocolError
from pycape.server.log import Logger, get_logger
from pycape.server.messages import HostName, HostReport
from pycape.server.operations import BEARER, Answer, Call, Operation
from pycape.server.placement import PLACEMENT_SECONDS, Place
from pycape.server.services import Services

BEAT_SECONDS = 2.0
MISSED_BEATS = 3
MAX_HOSTS = 4096
_CHOICES = 2

log: Logger = get_logger()


class HostsPlacement:
    """The hosts that report, and two random choices among those that take calls.

    `token` is what they prove themselves with. A host that is silent for three beats is gone.
    """

    def __init__(
        self,
        token: str,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token
        self._clock = clock
        self._monotonic = monotonic
        self._lock = Lock()
        self._heard: dict[str, tuple[float, HostReport]] = {}

    def may_report(self, token: str) -> bool:
        """Tell whether it is the token."""
        return hmac.compare_digest(token.encode(), self._token.encode())

    def hear(self, name: str, report: HostReport) -> None:
        """Note what a host says of itself.

        Raises:
            Overloaded: there are as many hosts as there may be.
        """
        with self._lock:
            self._forget_the_silent()
            if name not in self._heard:
                if len(self._heard) >= MAX_HOSTS:
                    raise Overloaded(f"{MAX_HOSTS} hosts report already", retry_after=BEAT_SECONDS)
                log.info("host reports", host=name, url=report.url)
            self._heard[name] = (self._monotonic(), report)

    def place(self, checksum: str | None) -> Place | None:  # noqa: ARG002 all have all functions
        """Choose the less busy of two random hosts."""
        with self._lock:
            self._forget_the_silent()
            open_ = [report for _, report in self._heard.values() if _takes_calls(report)]
        if not open_:
            return None
        drawn = random.sample(open_, min(_CHOICES, len(open_)))
        chosen = min(drawn, key=lambda report: report.calls / report.slots)
        return Place(chosen.url, self._clock() + PLACEMENT_SECONDS)

    def _forget_the_silent(self) -> None:
        oldest = self._monotonic() - MISSED_BEATS * BEAT_SECONDS
        for name in [name for name, (heard, _) in self._heard.items() if heard < oldest]:
            del self._heard[name]
            log.warning("host silent", host=name)


def report_host(services: Services, call: Call) -> Answer:
    """Note where a host's enclaves are, and how busy."""
    hosts = services.placement
    if not isinstance(hosts, HostsPlacement):
        raise NotFound(
            "this control plane takes no reports of hosts", hint="`cape host serve --hosts-token`"
        )
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    if scheme != BEARER or not hosts.may_report(token):
        raise PermissionDenied(
            "not the token of this platform's hosts",
            status=401,
            hint="control plane and agent read the same token file",
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
    hosts.hear(call.path_value("host", HostName), report)
    return Answer(None, status=204)


def _takes_calls(report: HostReport) -> bool:
    return report.enclaves > 0 and report.slots > 0 and not report.draining


OPERATIONS: Sequence[Operation] = (
    Operation(
        "PUT",
        "/v2/hosts/{host}",
        "Report a host",
        report_host,
        body=HostReport,
        authorization=BEARER,
        answers={204: None},
        refusals=(401, 404, 409),
    ),
)
