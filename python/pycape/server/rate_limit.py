"""How many requests an address may send: a bucket of tokens for each; and how many all may.

The buckets are this process's own; a second control plane has others, so a fleet allows that much
at each of them. Nothing else in the control plane is kept in memory.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

MAX_BUCKETS = 10_000
IPV6_SITE_BITS = 64  # one customer has that many addresses


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests a second in the long run, so many at once."""

    per_second: float
    burst: int


class RateLimit:
    """Buckets by client address; the least recently used are forgotten (and so full again)."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> float:
        """Count a request: 0 if it may pass, else the seconds until the next one may."""
        now, bucket = self._clock(), _bucket(address)
        tokens, filled = self._buckets.pop(bucket, (float(self._rate.burst), now))
        tokens = min(self._rate.burst, tokens + (now - filled) * self._rate.per_second)
        passes = tokens >= 1
        self._buckets[bucket] = (tokens - 1 if passes else tokens, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if passes else math.nextafter((1 - tokens) / self._rate.per_second, math.inf)


def _bucket(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004
        return address
    return str(ipaddress.ip_network((parsed, IPV6_SITE_BITS), strict=False))
