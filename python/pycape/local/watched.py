"""A placement whose enclave somebody else starts, and which is asked whether it can take calls."""

import threading
from collections.abc import Callable
from typing import Self

import httpx

from pycape.server import LocalPlacement, Place, unix_time
from pycape.server.log import Logger, get_logger

ASK_SECONDS = 2.0
PATIENCE_SECONDS = 8.0  # the enclave's own checks take 5 s at most

log: Logger = get_logger()


class WatchedPlacement:
    """One enclave, behind `session_url`, for as long as its `/readyz` says that it is ready.

    A context manager: it asks, every two seconds, from its beginning to its end.
    """

    def __init__(
        self, session_url: str, enclave_url: str, clock: Callable[[], int] = unix_time
    ) -> None:
        self._session_url = session_url
        self._readyz = f"{enclave_url}/readyz"
        self._placement = LocalPlacement(clock)
        self._ready: bool | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="cape-watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def place(self, checksum: str | None) -> Place | None:
        """Tell where the enclave is, if it was ready when it was last asked."""
        return self._placement.place(checksum)

    def _watch(self) -> None:
        # Of this machine, and no proxy's business.
        with httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False) as client:
            while not self._ended.is_set():
                self._note(*self._ask(client))
                self._ended.wait(ASK_SECONDS)

    def _ask(self, client: httpx.Client) -> tuple[bool, str]:
        try:
            answer = client.get(self._readyz)
        except httpx.HTTPError as error:
            return False, f"no answer ({type(error).__name__})"
        return answer.is_success, f"status {answer.status_code}"

    def _note(self, ready: bool, found: str) -> None:
        if ready == self._ready:
            return
        self._ready = ready
        if ready:
            self._placement.register(self._session_url)
            log.info("enclave ready")
        else:
            self._placement.withdraw()
            log.warning("enclave not ready", found=found)
