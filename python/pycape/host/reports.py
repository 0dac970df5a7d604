"""Telling control planes of this host, every two seconds. docs/spec/control-plane.md, hosts."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from pycape._effects import HttpRequest
from pycape._files import read_text
from pycape._network import NetworkTransport
from pycape._strangers import in_brief
from pycape.errors import CapeError, ConfigError
from pycape.host.configuration import ControlPlane
from pycape.server import BEAT_SECONDS, HostReport
from pycape.server.log import Logger, get_logger

PATIENCE_SECONDS = 5.0
_SUCCESSES = range(200, 300)

log: Logger = get_logger()


class Reports:
    """Reports to one control plane or several, each in a thread of its own.

    The token is read for each, so that a new one counts without a restart.
    """

    def __init__(
        self, name: str, control_plane: ControlPlane, report: Callable[[], HostReport]
    ) -> None:
        token_file = Path(control_plane.token_file)
        read_token(token_file)
        self._reporters = [
            _Reporter(f"{url.rstrip('/')}/v2/hosts/{name}", url, token_file, report)
            for url in control_plane.urls
        ]

    def tell_now(self) -> None:
        """Report without waiting for the next time."""
        for reporter in self._reporters:
            reporter.tell_now()

    def stop(self) -> None:
        """Report a last time, and then no more; an answer that does not end is not waited for."""
        for reporter in self._reporters:
            reporter.end()
        deadline = time.monotonic() + PATIENCE_SECONDS
        for reporter in self._reporters:
            reporter.join(deadline - time.monotonic())

    def heard(self) -> dict[str, str]:
        """Return what each control plane said last: `ok`, or what went wrong."""
        return {reporter.url: reporter.found for reporter in self._reporters}


def read_token(path: Path) -> str:
    """Read the token that a host proves itself by.

    Raises:
        ConfigError: there is none, it is too short to be one, or others may read it.
    """
    text = read_text(path)
    if text is None:
        raise ConfigError(f"there is no file {path}", hint=_ADMIT)
    if path.stat().st_mode & 0o007:
        raise ConfigError(f"everybody may read {path}", hint=f"chmod 640 {path}")
    token = text.strip()
    if not (_LEAST_CHARACTERS <= len(token) <= _MOST_CHARACTERS and _is_visible(token)):
        raise ConfigError(
            f"{path} has no token in it: {_LEAST_CHARACTERS} letters and digits or more",
            hint=_ADMIT,
        )
    return token


_ADMIT = "`cape host admit NAME` makes one, where the control plane is"
_LEAST_CHARACTERS = 32
_MOST_CHARACTERS = 256


def _is_visible(token: str) -> bool:
    return token.isascii() and token.isprintable() and " " not in token


class _Reporter:
    def __init__(
        self, address: str, url: str, token_file: Path, report: Callable[[], HostReport]
    ) -> None:
        self.url = url
        self.found = "not told yet"
        self._address = address
        self._token_file = token_file
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
        transport = NetworkTransport()
        while not self._ended.is_set():
            self._note(self._tell(transport))
            self._soon.wait(BEAT_SECONDS)
            self._soon.clear()
        self._note(self._tell(transport))  # that it drains: who follows is not taken for a second
        transport.close()

    def _tell(self, transport: NetworkTransport) -> str:
        try:
            headers = _headers(read_token(self._token_file))
            request = HttpRequest("PUT", self._address, headers, self._report().encode())
            answer = transport.request(request, PATIENCE_SECONDS)
        except (CapeError, OSError) as error:
            return str(error)
        if answer.status in _SUCCESSES:
            return "ok"
        return f"refused ({answer.status}): {_why(answer.content)}"

    def _note(self, found: str) -> None:
        if found == self.found:
            return
        self.found = found
        if found == "ok":
            log.info("control plane told", url=self.url)
        else:
            log.warning("control plane not told", url=self.url, found=found)


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


class _Problem(msgspec.Struct, frozen=True):
    detail: str


def _why(said: bytes) -> str:
    """Return what a control plane says of a refusal, or of what else is in its place."""
    try:
        return in_brief(msgspec.json.decode(said, type=_Problem).detail)
    except (msgspec.DecodeError, RecursionError):
        return "without a reason: is it a control plane?"
