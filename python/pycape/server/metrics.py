"""What the control plane tells of itself in numbers.

No label holds anything that was sent: routes are those of the operations, whatever else was asked
for has none. Each application has its own registry.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from pycape import __version__
from pycape.server.readiness import OK

MEDIA_TYPE = CONTENT_TYPE_LATEST
UNKNOWN = "unknown"  # a path or a method of no operation, or refused before anybody looked
_BUCKETS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        Info("cape_control", "The control plane's version", registry=registry).info(
            {"version": __version__}
        )
        self._requests = Counter(
            "cape_control_requests",
            "Requests that were answered, by operation and status",
            ("method", "route", "status"),
            registry=registry,
        )
        self._durations = Histogram(
            "cape_control_request_duration_seconds",
            "How long answers took",
            ("route",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._running = Gauge(
            "cape_control_requests_running", "Requests under way", registry=registry
        )
        self._limited = Counter(
            "cape_control_rate_limited",
            "Requests refused: too many of one address, of all, or too many connections",
            ("scope",),
            registry=registry,
        )
        self._checks = Gauge(
            "cape_control_check",
            "Whether what clients need is there: 1 or 0, as /readyz says it",
            ("check",),
            registry=registry,
        )
        for scope in ("address", "all", "connections"):
            self._limited.labels(scope)

    def began(self) -> None:
        """A request has come."""
        self._running.inc()

    def ended(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request of an operation, or of none (`UNKNOWN`), was answered; 0 if it was not."""
        self._running.dec()
        self._requests.labels(method, route, str(status)).inc()
        self._durations.labels(route).observe(seconds)

    def limited(self, scope: str) -> None:
        """A request was one too many: of its address, of all, or for its connection."""
        self._limited.labels(scope).inc()

    def exposition(self, report: Mapping[str, str]) -> bytes:
        """Write everything as OpenMetrics text; `report` is what the checks found."""
        for check, found in report.items():
            self._checks.labels(check).set(found == OK)
        text: bytes = generate_latest(self._registry)  # type: ignore[no-untyped-call]
        return text
