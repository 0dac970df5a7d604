"""The console as something that is started and ended."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pycape import AsyncCape
from pycape._config import Config
from pycape._network import AsyncNetworkTransport
from pycape.console.access import Access
from pycape.console.app import create_app
from pycape.console.calls import Calls
from pycape.console.pages import Pages
from pycape.console.phases import WatchedTransport
from pycape.local.serving import Server, listening_on_loopback

if TYPE_CHECKING:
    from pycape.local import Runs
    from pycape.policy import Policy


class Console:
    """Pages on 127.0.0.1 about one platform, served by a thread; a context manager.

    Inside it, `entrance` is the address to open.

    Args:
        url: The control plane's address; else as every client finds it.
        profile: The name of a profile; else as every client finds it.
        policy: Which enclaves to trust; else as every client finds it.
        config_dir: The configuration folder; else CAPE_CONFIG_DIR, else the user's.
        port: The port on 127.0.0.1; 0 takes a free one.
        metrics_url: Where the enclave of a platform of this machine shows its numbers.
        runs: What runs in the enclave of a platform of this machine.

    Raises:
        ConfigError: no platform is configured, or no policy; at the start: the port is taken.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        profile: str | None = None,
        policy: Policy | None = None,
        config_dir: str | os.PathLike[str] | None = None,
        port: int = 0,
        metrics_url: Callable[[], str] | None = None,
        runs: Runs | None = None,
    ) -> None:
        config = Config(url=url, profile=profile, config_dir=config_dir)
        self.platform_url: str = config.require_url()
        if policy is None:
            config.require_policy()
        self._cape = AsyncCape(
            url,
            profile=profile,
            policy=policy,
            config_dir=config_dir,
            transport=WatchedTransport(AsyncNetworkTransport()),
        )
        self._port = port
        self._metrics_url = metrics_url
        self._runs = runs
        self._running = ExitStack()

    @property
    def entrance(self) -> str:
        """The address to open in a browser; whoever has it is let in."""
        return self._pages.access.entrance

    @property
    def entrance_for_one(self) -> str:
        """An address that opens once, for a browser's command line."""
        return self._pages.access.entrance_for_one()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            listener = started.enter_context(listening_on_loopback(self._port, "cape console"))
            self._pages = Pages(
                self._cape,
                Calls(self._cape),
                Access(listener.getsockname()[1]),
                self._metrics_url,
                self._runs,
            )
            server = Server([(create_app(self._pages, self._remember_loop), listener)])
            server.start()
            started.callback(server.stop)
            # Before the server waits for answers that are under way: streams of calls end by this.
            started.callback(self._close_calls)
            if self._runs is not None:
                self._runs.on_change = self._tell_of_runs
                started.callback(self._forget_runs, self._runs)
            self._running = started.pop_all()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._running.close()

    def _remember_loop(self) -> None:
        self._loop = asyncio.get_running_loop()

    def _tell_of_runs(self) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._pages.calls.changes.tell)

    @staticmethod
    def _forget_runs(runs: Runs) -> None:
        runs.on_change = lambda: None

    def _close_calls(self) -> None:
        self._loop.call_soon_threadsafe(self._pages.calls.close)
