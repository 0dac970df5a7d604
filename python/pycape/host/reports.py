"""Telling control planes of this host, every two seconds. docs/spec/control-plane.md, hosts."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from pycape._files import read_text
from pycape.errors import ConfigError
from pycape.host.configuration import ControlPlane
from pycape.server import BEAT_SECONDS, HostReport
from pycape.server.log import Logger, get_logger

PATIENCE_SECONDS = 5.0

log: Logger = get_logger()


class Reports:
    """Reports to one control plane or several, each in a thread of its own."""

    def __init__(
        self, name: str, control_plane: ControlPlane, report: Callable[[], HostReport]
    ) -> None:
        token = read_token(Path(control_plane.token_file))
        self._reporters = [_Reporter(url, name, token, report) for url in control_plane.urls]

    def tell_now(self) -> None:
        """Report without waiting for the next time."""
        for reporter in self._reporters:
            reporter.tell_now()

    def stop(self) -> None:
        """Report no more; one whose answer does not end is not waited for."""
        for reporter in self._reporters:
            reporter.end()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for reporter in self._reporters:
            reporter.join(deadline - time.monotonic())

    def heard(self) -> dict[str, str]:
        """Return what each control plane said last: `ok`, or what went wrong."""
        return {reporter.url: reporter.found for reporter in self._reporters}


def read_token(path: Path) -> str:
    """Read the token that hosts and control planes share.

    Raises:
        ConfigError: there is none, it is too short to be one, or others may read it.
    """
    text = read_text(path)
    if text is None:
        raise ConfigError(f"there is no file {path}", hint=f"`openssl rand -hex 32 > {path}`")
    if path.stat().st_mode & 0o007:
        raise ConfigError(f"everybody may read {path}", hint=f"chmod 640 {path}")
    token = text.strip()
    if not (_LEAST_CHARACTERS <= len(token) <= _MOST_CHARACTERS and _is_visible(token)):
        raise ConfigError(
            f"{path} has no token in it: {_LEAST_CHARACTERS} letters and digits or more",
            hint=f"`openssl rand -hex 32 > {path}`",
        )
    return token


_LEAST_CHARACTERS = 32
_MOST_CHARACTERS = 256


def _is_visible(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token


class _Reporter:
    def __init__(self, url: str, name: str, token: str, report: Callable[[], HostReport]) -> None:
        self.url = url
        self.found = "not told yet"
        self._address = f"{url.rstrip('/')}/v2/hosts/{name}"
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._report = report
        self._soon = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="cape-reports")
        self._thread.start()

    def tell_now(self) -> None:
        self._soon.set()

    def end(self) -> None:
        self._ended.set()
        self._soon.set()

    def join(self, seconds: float) -> None:
        self._thread.join(max(0, seconds))

    def _run(self) -> None:
        with httpx.Client(timeout=PATIENCE_SECONDS, headers=self._headers) as client:
            while not self._ended.is_set():
                self._soon.clear()
                self._note(self._tell(client))
                self._soon.wait(BEAT_SECONDS)

    def _tell(self, client: httpx.Client) -> str:
        try:
            answer = client.put(self._address, content=self._report().encode())
        except httpx.HTTPError as error:
            return f"no answer ({type(error).__name__})"
        return "ok" if answer.is_success else f"refused ({answer.status_code})"

    def _note(self, found: str) -> None:
        if found == self.found:
            return
        self.found = found
        if found == "ok":
            log.info("control plane told", url=self.url)
        else:
            log.warning("control plane not told", url=self.url, found=found)
