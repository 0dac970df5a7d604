"""The enclave as its users see it."""

from __future__ import annotations

import hashlib
import os
from numbers import Real
from types import TracebackType
from typing import Any, Self

from pycape import AsyncCape, Cape, errors
from pycape._account import load_or_create_account
from pycape._arguments import only_path
from pycape._clock import now_ms
from pycape._config import Config
from pycape._profile import Profile
from pycape._transport import AsyncTransport, Transport
from pycape.attestation import TrustRoots
from pycape.policy import Policy, Release
from pycape.testing._directory import URL
from pycape.testing._host import Host
from pycape.testing._transport import AsyncMemoryTransport, MemoryTransport

_PROFILE_NAME = "testing"
_CENTURY_S = 100 * 365.25 * 86_400


class Enclave:
    """An enclave in this process, with a control plane: for unit tests, and for nothing else.

    The client's checks are the real ones, and so are what they check: a simulated security module
    signs an attestation document for each connection, under a root that is this object's own. The
    session, accounts, tokens, envelopes and receipts are the ones of every enclave. What is around
    a function is not: there is no jail, and the secrets are in this process's memory.

    A context manager; `close` ends what it has started and removes its folder.

    Args:
        in_process: A function's folder, whose handler then runs in a thread of this process, for a
            debugger, `monkeypatch` and coverage; whatever is deployed, this is what runs. By
            default a function runs in a process of its own, from its bundle alone, as in enclaves.

    Raises:
        ConfigError: `in_process` is no folder.
    """

    def __init__(self, *, in_process: str | os.PathLike[str] | None = None) -> None:
        source = None if in_process is None else only_path("in_process", in_process)
        if source is not None and not source.is_dir():
            raise errors.ConfigError(
                f"{source} is no folder", hint="in_process names a function's folder, with app.py"
            )
        self._host = host = Host(source)
        self._policy = Policy([Release(host.pcrs, vault=host.core.vault, name="pycape.testing")])
        self._profile = Profile(
            name=_PROFILE_NAME,
            url=URL,
            development=True,
            trust_roots=(host.core.root,),
            birth=host.core.birth(now_ms()),
            python=host.python,
            platform=host.platform,
            policy_toml=self._policy.to_toml(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        [release] = self._policy.releases
        return f"<{type(self).__name__} in memory, pcr0={release.pcrs[0].hex()[:8]}...>"

    @property
    def policy(self) -> Policy:
        """The policy that it satisfies; a test of a refusal makes another."""
        return self._policy

    @property
    def trust_roots(self) -> TrustRoots:
        """The development root that its documents end at."""
        return self._profile.roots()

    @property
    def transport(self) -> Transport:
        """The `transport=` that leads a `Cape` here."""
        return MemoryTransport(self._host)

    @property
    def async_transport(self) -> AsyncTransport:
        """The `transport=` that leads an `AsyncCape` here."""
        return AsyncMemoryTransport(self._host)

    def client(self, user: str = "me", **options: Any) -> Cape:
        """Return a client of it.

        Args:
            user: Which of its users, each with an account; nobody else learns this name.
            options: Further arguments of `Cape`, as `policy=` or `timeout=`; they win.

        Raises:
            TypeError: `user` is no text, or as `Cape`.
            CapeError: as `Cape`.
        """
        return Cape(**{"transport": self.transport, **self._options(user), **options})

    def async_client(self, user: str = "me", **options: Any) -> AsyncCape:
        """Return what `client` does, for `await`.

        Raises:
            TypeError: `user` is no text, or as `AsyncCape`.
            CapeError: as `AsyncCape`.
        """
        return AsyncCape(**{"transport": self.async_transport, **self._options(user), **options})

    def advance(self, seconds: float) -> None:
        """Move on the time by which it judges tokens, lists and the last moments of ciphertexts.

        Its attestation documents are of the true time, so clients go on trusting it.

        Raises:
            TypeError: `seconds` is no number.
            ValueError: it is more than a hundred years, either way.
        """
        if not isinstance(seconds, Real):
            raise TypeError(f"seconds is a number, not {type(seconds).__name__}")
        if not abs(seconds) <= _CENTURY_S:
            raise ValueError(f"{seconds} seconds; a hundred years at most")
        self._host.advance(round(seconds * 1000))

    def close(self) -> None:
        """End connections and workers, and remove all files. Calls raise `ConnectFailed` then."""
        self._host.close()

    def _options(self, user: str) -> dict[str, Any]:
        if not isinstance(user, str):
            raise TypeError(f"user is text, not {type(user).__name__}")
        self._host.refuse_when_closed()  # nobody would remove a folder that is made now
        number = hashlib.sha256(user.encode()).hexdigest()[:16]  # a name may be no file's
        folder = self._host.folder / "users" / number
        config = Config(config_dir=folder)
        config.install_profile(self._profile, make_default=True)
        load_or_create_account(config.account_key_file, announce=False)
        return {
            "url": URL,
            "profile": _PROFILE_NAME,
            "policy": self._policy,
            "trust_roots": self.trust_roots,
            "config_dir": folder,
        }
