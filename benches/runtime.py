"""Calls of functions on a local platform, beside a plain `websockets` server that echoes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from pycape import Cape, FunctionRef
from pycape.demo import echo_folder

from . import handshakes, isolation, rows
from .connections import CALLS_A_LAP, PAYLOAD, awaited, connected, echoed, idle, many, together
from .costs import Plain, Spent, cost_of, cost_of_first_result
from .harness import Contender, Sample, race
from .report import Comparison, Cost, Measurement
from .targets import AtMost, SpeedAtLeast, Target, TimeAtMost
from .units import Unit
from .workshop import Workshop

_CONNECTIONS = 50
_OURS, _PLAIN = "ours", "plain websockets"
_ISOLATED = "plain, a process a connection"

# Then a platform is at rest: the worker that was used up is there again.
_PAUSE_SECONDS = 0.1


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Warm calls, connections, many of them, cold functions; isolation and handshakes apart."""
    with Cape(config_dir=workshop.platform.config_folder) as cape:
        echo = cape.deploy(echo_folder(), name="echo")
        yield _warm_call(workshop, cape, echo)
        with asyncio.Runner() as runner:
            yield _warm_async_call(workshop, runner, echo)
            yield _throughput(workshop, runner, echo)
            yield from _idle_sessions(workshop, runner, cape, echo)
        yield from _first_result(workshop, cape, echo)
        yield from _processor_time(workshop, cape, echo)
        yield _cold_function(workshop, cape)
    yield from isolation.measure(workshop)
    yield from handshakes.measure(workshop)


def _warm_call(workshop: Workshop, cape: Cape, echo: FunctionRef) -> Measurement:
    with (
        cape.function_context(echo, None) as function,
        connected(workshop.echo.url) as plain,
        connected(workshop.isolated_echo.url) as isolated,
    ):
        contenders = [
            Contender.of(_OURS, lambda: function.invoke(PAYLOAD)),
            Contender.of(_PLAIN, lambda: echoed(plain)),
            Contender.of(_ISOLATED, lambda: echoed(isolated)),
        ]
        samples = race(contenders, workshop.seconds(15))
        cost = cost_of(
            workshop.platform,
            lambda: function.invoke(PAYLOAD),
            _rounds(workshop),
            plain=Plain(lambda: echoed(plain), workshop.echo),
        )
    return _beside_both(rows.WARM, samples, TimeAtMost(1.5), cost)


def _rounds(workshop: Workshop) -> int:
    return 20 if workshop.quick else 300


def _warm_async_call(workshop: Workshop, runner: asyncio.Runner, echo: FunctionRef) -> Measurement:
    with many(runner, workshop.platform, _echo_urls(workshop), echo, 1) as kinds:
        named = zip((_OURS, _PLAIN, _ISOLATED), kinds, strict=True)
        contenders = [awaited(runner, name, calls[0]) for name, calls in named]
        samples = race(contenders, workshop.seconds(15))
        cost = _cost_of_first(workshop, contenders, 1)
    return _beside_both(rows.WARM_ASYNC, samples, TimeAtMost(1.5), cost)


def _cost_of_first(workshop: Workshop, contenders: list[Contender], calls: int) -> Cost:
    """What a call of ours takes, and one of the plain echo: the first two contenders."""
    ours, plain, *_ = contenders
    return cost_of(
        workshop.platform,
        lambda: ours.run(1),
        max(3, _rounds(workshop) // calls),
        calls=calls,
        plain=Plain(lambda: plain.run(1), workshop.echo),
    )


def _throughput(workshop: Workshop, runner: asyncio.Runner, echo: FunctionRef) -> Measurement:
    """One client process holds all connections; a lap is the time that one call takes of it."""
    with many(runner, workshop.platform, _echo_urls(workshop), echo, _CONNECTIONS) as kinds:
        named = zip((_OURS, _PLAIN, _ISOLATED), kinds, strict=True)
        contenders = [together(runner, name, calls) for name, calls in named]
        samples = race(contenders, workshop.seconds(15))
        cost = _cost_of_first(workshop, contenders, _CONNECTIONS * CALLS_A_LAP)
    name, target = rows.THROUGHPUT.format(count=_CONNECTIONS), SpeedAtLeast(0.5)
    return _beside_both(name, samples, target, cost, unit="calls a second")


def _idle_sessions(
    workshop: Workshop, runner: asyncio.Runner, cape: Cape, echo: FunctionRef
) -> Iterator[Measurement]:
    """Sessions on which nothing happens: what they hold, and what they cost those that are used."""
    count = 100 if workshop.quick else 1000
    with cape.function_context(echo, None) as function:
        contender = [Contender.of(_OURS, lambda: function.invoke(PAYLOAD))]
        alone = race(contender, workshop.seconds(5))[_OURS]
        before = workshop.platform.enclave_memory()
        with idle(runner, workshop.platform, echo, count):
            each = (workshop.platform.enclave_memory() - before) / count
            beside = race(contender, workshop.seconds(5))[_OURS]
            cost = cost_of(workshop.platform, lambda: function.invoke(PAYLOAD), _rounds(workshop))
            resting = cost_of(workshop.platform, lambda: time.sleep(1), 1 if workshop.quick else 5)
    yield Measurement(
        rows.IDLE.format(count=count),
        Sample([each]),
        (Comparison("the limit", None, AtMost(64 << 10, "bytes")),),
        unit="bytes",
    )
    yield Measurement(f"  CPU of enclave, {count:,} in a second", Sample([resting.enclave]))
    yield Measurement(
        rows.BESIDE_IDLE.format(count=count),
        beside,
        (Comparison("the same alone", alone, TimeAtMost(1.2)),),
        cost=cost,
    )


def _first_result(workshop: Workshop, cape: Cape, echo: FunctionRef) -> Iterator[Measurement]:
    """Place, connect, attest, call, close; with pauses, and without any."""

    def ours() -> None:
        cape.run(echo, None, PAYLOAD)

    def plain() -> None:
        with connected(workshop.echo.url) as connection:
            echoed(connection)

    contenders = [
        Contender.of(_OURS, ours, rest=_PAUSE_SECONDS),
        Contender.of(_PLAIN, plain, rest=_PAUSE_SECONDS),
    ]
    samples = race(contenders, workshop.seconds(20))
    rounds = 3 if workshop.quick else 30
    beside = Plain(plain, workshop.echo)
    cost = cost_of_first_result(workshop.platform, cape, echo, rounds, beside)
    yield Measurement(
        rows.FIRST_RESULT,
        samples[_OURS],
        (
            Comparison("the limit", None, AtMost(0.012)),
            Comparison(_PLAIN, samples[_PLAIN], TimeAtMost(6)),
        ),
        cost=cost,
    )
    contenders = [Contender.of(_OURS, ours), Contender.of(_PLAIN, plain)]
    samples = race(contenders, workshop.seconds(8))
    comparison = Comparison(_PLAIN, samples[_PLAIN])
    yield Measurement("the same, one after the other", samples[_OURS], (comparison,))


def _processor_time(workshop: Workshop, cape: Cape, echo: FunctionRef) -> Iterator[Measurement]:
    """What a first result takes of processors, workers not counted."""
    laps: list[tuple[float, float, float]] = []
    for _ in range(3 if workshop.quick else 30):
        time.sleep(_PAUSE_SECONDS)
        before = (time.process_time(), *workshop.platform.cpu_seconds())
        cape.run(echo, None, PAYLOAD)
        after = (time.process_time(), *workshop.platform.cpu_seconds())
        client, control_plane, enclave = (
            end - start for start, end in zip(before, after, strict=True)
        )
        laps.append((client, control_plane, enclave))
    yield Measurement(
        rows.FIRST_RESULT_CPU,
        Sample([sum(lap) for lap in laps]),
        (Comparison("the limit", None, AtMost(0.004)),),
    )
    for part, name in enumerate(("client", "control plane", "enclave, without workers")):
        yield Measurement(f"  of these the {name}", Sample([lap[part] for lap in laps]))


def _cold_function(workshop: Workshop, cape: Cape) -> Measurement:
    """Run functions that were deployed before the enclave started: fetch, unpack, load, call."""
    functions = [
        cape.deploy(_small_function(workshop.folder / "functions", number), name=f"cold-{number}")
        for number in range(3 if workshop.quick else 40)
    ]
    workshop.platform.restart()
    laps = []
    with Cape(config_dir=workshop.platform.config_folder) as rested:
        spent = Spent(workshop.platform)
        for function in functions:
            time.sleep(_PAUSE_SECONDS)
            laps.append(spent.first_result(rested, function))
        cost = spent.each(len(functions))
    limit = Comparison("the limit", None, AtMost(0.150))
    return Measurement(rows.COLD, Sample(laps), (limit,), cost=cost)


def _small_function(parent: Path, number: int) -> Path:
    folder = parent / str(number)
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(f"def cape_handler(input): return b'{number}'\n")
    return folder


def _echo_urls(workshop: Workshop) -> tuple[str, str]:
    return workshop.echo.url, workshop.isolated_echo.url


def _beside_both(
    name: str, samples: dict[str, Sample], target: Target, cost: Cost, *, unit: Unit = "seconds"
) -> Measurement:
    comparisons = (
        Comparison(_PLAIN, samples[_PLAIN], target),
        Comparison(_ISOLATED, samples[_ISOLATED]),
    )
    return Measurement(name, samples[_OURS], comparisons, unit=unit, cost=cost)
