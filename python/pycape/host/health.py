"""How the enclaves of a host do, as each says itself by its operator's port."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import httpx

ASK_SECONDS = 1.0
PATIENCE_SECONDS = 8.0  # the enclave's own checks take 5 s at most
_MAX_ANSWER_BYTES = 1 << 20
_SAMPLE = r"^{name} ([0-9]{{1,9}})(?:\.0)?$"

State = Literal["starting", "serving", "not ready", "stopping", "given up"]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether an enclave can take calls, how many at a time, and how many it has."""

    ready: bool = False
    slots: int = 0
    calls: int = 0


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
        ready, _ = _answer(client, "/readyz")
        _, metrics = _answer(client, "/metrics")
    except httpx.HTTPError:
        return Health()
    slots = _number(metrics, "cape_enclave_worker_slots")
    return Health(ready, slots, _number(metrics, "cape_enclave_calls_running"))


def _answer(client: httpx.Client, path: str) -> tuple[bool, str]:
    """Return whether it was a success, and its text; of one that is too long the beginning."""
    with client.stream("GET", path) as answer:
        read = b""
        for piece in answer.iter_bytes():
            read += piece
            if len(read) > _MAX_ANSWER_BYTES:
                break
        return answer.is_success, read.decode("utf-8", "replace")


def _number(metrics: str, name: str) -> int:
    found = re.search(_SAMPLE.format(name=name), metrics, re.MULTILINE)
    return int(found[1]) if found else 0
