"""The hosts that may report: each proves itself by a token of its own.

They are in a file of the control plane's: by name, the SHA-256 of its token, and of the one before
that until it is dismissed. `cape host admit` changes it, and whoever reads it sees that at once.
"""

import hashlib
import hmac
import os
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import msgspec

from pycape._files import damaged, read_text, updating
from pycape.errors import ConfigError, NotFound
from pycape.server.log import Logger, get_logger
from pycape.server.messages import HostName

MAX_HOSTS = 4096
MAX_TOKENS = 2

Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Digests = Annotated[list[Digest], msgspec.Meta(min_length=1, max_length=MAX_TOKENS)]
Admitted = Annotated[dict[HostName, Digests], msgspec.Meta(max_length=MAX_HOSTS)]

log: Logger = get_logger()


class Admissions:
    """The file, as whoever takes reports reads it.

    Raises:
        ConfigError: it cannot be read, or is damaged. When that happens later, nobody is admitted.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = Lock()
        self._read_at = _identity(file)
        self._admitted: Mapping[str, list[str]] = admitted_hosts(file)
        self._failure: ConfigError | None = None

    def names(self) -> Collection[str]:
        """Return the hosts that are admitted."""
        return self._present().keys()

    def holds(self, name: str, token: str) -> bool:
        """Tell whether a token is the host's."""
        digest = _digest(token)
        return any(hmac.compare_digest(digest, each) for each in self._present().get(name, ()))

    def _present(self) -> Mapping[str, list[str]]:
        with self._lock:
            identity = _identity(self._file)
            if identity != self._read_at or _may_pass(self._failure):
                self._read_at, self._admitted = identity, self._read_again()
            return self._admitted

    def _read_again(self) -> Mapping[str, list[str]]:
        before = self._failure
        try:
            admitted = admitted_hosts(self._file)
        except ConfigError as error:
            self._failure = error
            if str(error) != str(before):
                log.error("hosts not read", error=str(error), hint=error.hint)
            return {}
        self._failure = None
        log.info("hosts read", hosts=len(admitted))
        return admitted


def _may_pass(failure: ConfigError | None) -> bool:
    """Tell whether a file may be read next time though nobody changed what is in it."""
    return failure is not None and isinstance(failure.__cause__, OSError)


def admitted_hosts(file: Path) -> dict[str, list[str]]:
    """Return the hosts of a file, each with the digests of its tokens; none without a file.

    Raises:
        ConfigError: it cannot be read, or is damaged.
    """
    text = read_text(file)
    return {} if text is None else _checked(file, lambda: msgspec.json.decode(text, type=Admitted))


def admit(file: Path, name: str, token: str) -> None:
    """Let a host report by this token; the one that it has already counts for now, too.

    Raises:
        ConfigError: there are as many hosts as there may be, or the file cannot be changed.
    """
    with _changing(file) as hosts:
        admitted = _converted(file, hosts)
        if name not in admitted and len(admitted) >= MAX_HOSTS:
            raise ConfigError(
                f"{MAX_HOSTS} hosts are admitted already", hint="`cape host dismiss NAME` ends one"
            )
        digest = _digest(token)
        others = [each for each in admitted.get(name, ()) if each != digest]
        hosts[name] = [*others, digest][-MAX_TOKENS:]


def dismiss(file: Path, name: str, *, earlier_only: bool = False) -> None:
    """Let a host report no more, or only by the token that it was given last.

    Raises:
        NotFound: no host of this name is admitted.
        ConfigError: the file cannot be changed.
    """
    with _changing(file) as hosts:
        digests = _converted(file, hosts).get(name)
        if digests is None:
            raise NotFound(
                f"no host is admitted as {name}", hint="`cape host list` shows those that are"
            )
        if earlier_only:
            hosts[name] = digests[-1:]
        else:
            del hosts[name]


@contextmanager
def _changing(file: Path) -> Iterator[dict[str, Any]]:
    """Lend what is in the file; only to the user whose state it is of, who has to read it."""
    folder = file.parent
    if folder.is_dir() and folder.stat().st_uid != os.geteuid():
        raise ConfigError(
            f"{folder} is of another user, who could not read what yours writes there",
            hint=f"become the control plane's user: `ls -ld {shlex.quote(str(folder))}` shows who "
            "that is",
        )
    with updating(file, ours=False) as hosts:
        yield hosts


def _converted(file: Path, hosts: dict[str, Any]) -> dict[str, list[str]]:
    return _checked(file, lambda: msgspec.convert(hosts, Admitted))


def _checked(file: Path, read: Callable[[], dict[str, list[str]]]) -> dict[str, list[str]]:
    try:
        return read()
    except (msgspec.DecodeError, RecursionError) as error:
        raise damaged(file, str(error)) from error


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _identity(file: Path) -> tuple[int, int, int] | None:
    """Return what is another after each change of the file; it is replaced as a whole."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
