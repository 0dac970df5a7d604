"""How the enclaves of a host do, as each says itself by its operator's port."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import httpx
import msgspec

from pycape.host.answers import beginning

ASK_SECONDS = 1.0
PATIENCE_SECONDS = 8.0  # the enclave's own checks take 5 s at most
_MAX_ANSWER_BYTES = 1 << 20
_SAMPLE = r"^{name} ([0-9]{{1,9}})(?:\.0)?$"

_OK = "ok"

State = Literal["starting", "serving", "not ready", "stopping", "given up"]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether an enclave can take calls, how many at a time, and how many it has.

    If it cannot, `failed_checks` are those of its `/readyz` that say why.
    """

    ready: bool = False
    slots: int = 0
    calls: int = 0
    failed_checks: tuple[str, ...] = ()


class _Report(msgspec.Struct, frozen=True):
    """What `/readyz` says of an enclave, or of what else is in its place."""

    checks: Annotated[
        dict[Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,32}\Z")], str],
        msgspec.Meta(max_length=16),
    ]


class HealthWatch:
    """Asks one enclave again and again while it is there, in a thread, until it is stopped."""

    def __init__(self, port: int, is_there: Callable[[], bool]) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._is_there = is_there
        self._last = Health()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="cape-health")
        self._thread.start()

    @property
    def last(self) -> Health:
        """What it said last."""
        return self._last

    def stop(self) -> None:
        """Ask no more."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        # Of this machine, and no proxy's business.
        with httpx.Client(base_url=self._url, timeout=PATIENCE_SECONDS, trust_env=False) as client:
            while not self._ended.wait(ASK_SECONDS):
                self._last = _ask(client) if self._is_there() else Health()


def _ask(client: httpx.Client) -> Health:
    try:
        ready, report = _answer(client, "/readyz")
        _, metrics = _answer(client, "/metrics")
    except httpx.HTTPError:
        return Health()
    slots = _number(metrics, "cape_enclave_worker_slots")
    calls = _number(metrics, "cape_enclave_calls_running")
    return Health(ready, slots, calls, () if ready else _failed_checks(report))


def _answer(client: httpx.Client, path: str) -> tuple[bool, str]:
    """Return whether it was a success, and its text; of one that is too long the beginning."""
    with client.stream("GET", path) as answer:
        read = beginning(answer, _MAX_ANSWER_BYTES)
        return answer.is_success, read.decode("utf-8", "replace")


def _failed_checks(report: str) -> tuple[str, ...]:
    try:
        checks = msgspec.json.decode(report, type=_Report).checks
    except (msgspec.DecodeError, RecursionError):
        return ()
    return tuple(sorted(name for name, found in checks.items() if found != _OK))


def _number(metrics: str, name: str) -> int:
    found = re.search(_SAMPLE.format(name=name), metrics, re.MULTILINE)
    return int(found[1]) if found else 0
