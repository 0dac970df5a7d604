"""What calls take of processors, and of the enclave's memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from pycape import Cape, FunctionRef

from .children import Platform, Server
from .connections import PAYLOAD
from .report import Cost, PeerCost

# Then what was started before is over: a worker that will take the place of the last one.
_SETTLING_SECONDS = 0.5
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Plain:
    """The same over a plain connection: a call, and the server that answers it."""

    call: Callable[[], object]
    server: Server


class Spent:
    """The processor time since its beginning: this process's, the enclave's, and its workers'.

    Workers are killed with all that is in their namespace, and then the system forgets their time.
    So of one that ends, what counts is what the last look at it saw.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._before = platform.worker_times()
        self._seen = dict(self._before)
        self._looking = 0.0
        _, self._enclave = platform.cpu_seconds()
        self._client = time.process_time()

    def look(self) -> None:
        """Look at the workers there are. This is not counted."""
        begun = time.process_time()
        self._seen |= self._platform.worker_times()
        self._looking += time.process_time() - begun

    def first_result(self, cape: Cape, function: FunctionRef) -> float:
        """Do what `Cape.run` does, with a look at the worker before it ends; return the seconds."""
        start = time.perf_counter()
        with cape.function_context(function, None) as context:
            context.invoke(PAYLOAD)
            result = time.perf_counter()
            self.look()
            looked = time.perf_counter()
        return result - start + time.perf_counter() - looked

    def each(self, calls: int, peer: PeerCost | None = None) -> Cost:
        """Return what each of so many calls took."""
        self.look()
        client = time.process_time() - self._client - self._looking
        _, enclave = self._platform.cpu_seconds()
        workers = sum(self._seen.values()) - sum(self._before.values())
        return Cost(
            client / calls,
            (enclave - self._enclave) / calls,
            workers / calls,
            self._platform.enclave_memory(),
            peer,
        )


def cost_of_first_result(
    platform: Platform,
    cape: Cape,
    function: FunctionRef,
    rounds: int,
    plain: Plain | None = None,
) -> Cost:
    """Return what a first result takes, with the worker that takes the place of the last one."""
    peer = None if plain is None else _peer_cost(plain, rounds, 1)
    time.sleep(_SETTLING_SECONDS)
    spent = Spent(platform)
    for _ in range(rounds):
        spent.first_result(cape, function)
        time.sleep(_PAUSE_SECONDS)
    return spent.each(rounds, peer)


def cost_of(
    platform: Platform,
    call: Callable[[], object],
    rounds: int,
    *,
    calls: int = 1,
    plain: Plain | None = None,
) -> Cost:
    """Repeat what makes so many calls of workers that stay, and return what one takes."""
    peer = None if plain is None else _peer_cost(plain, rounds, calls)
    time.sleep(_SETTLING_SECONDS)
    spent = Spent(platform)
    for _ in range(rounds):
        call()
    return spent.each(rounds * calls, peer)


def _peer_cost(plain: Plain, rounds: int, calls: int) -> PeerCost:
    server, client = plain.server.cpu_seconds(), time.process_time()
    for _ in range(rounds):
        plain.call()
    client = time.process_time() - client
    return PeerCost(client / rounds / calls, (plain.server.cpu_seconds() - server) / rounds / calls)
