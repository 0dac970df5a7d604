"""What isolation costs: the jail, the three ways to share a process, and the size of a bundle."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from pycape import Cape, FunctionRef
from pycape.demo import echo_folder

from . import rows
from .children import Platform
from .connections import PAYLOAD, connected, echoed
from .costs import Plain, Spent, cost_of, cost_of_first_result
from .harness import Contender, Sample, race
from .report import Comparison, Cost, Measurement
from .targets import AtMost, TimeAtMost
from .workshop import Workshop

# All layers; a machine that lacks one lacks it in both worlds.
_LAYERS = (
    *("cgroup_namespace", "closed_descriptors", "control_group", "empty_environment"),
    *("ipc_namespace", "landlock", "memory_watch", "network_namespace", "no_capabilities"),
    *("no_new_privileges", "own_user", "pid_namespace", "private_root", "resource_limits"),
    *("system_calls", "user_namespace", "uts_namespace"),
)
_MODES = ("session", "call", "function")
_BUNDLES = {"8 MiB": 8 << 20, "64 MiB": 64 << 20}
_PAUSE_SECONDS = 0.1


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """The jail in two worlds, then what else decides what a call waits for."""
    yield from _jail(workshop)
    yield from _modes(workshop)
    yield from _bundles(workshop)


def _settings(off: tuple[str, ...]) -> str:
    """No worker is started before it is needed, so that a call waits for all of its start."""
    names = ", ".join(f'"{name}"' for name in off)
    return (
        'mode = "development"\nvault_backends = ["file"]\n\n[isolation]\nrequired = []\n'
        f"insecure_off = [{names}]\n\n[limits]\nspare_workers = 0\nwarm_memory_mib = 0\n"
    )


def _jail(workshop: Workshop) -> Iterator[Measurement]:
    with ExitStack() as stack:
        worlds: list[tuple[Cape, FunctionRef]] = []
        platforms = []
        for name, off in (("jailed", ()), ("open", _LAYERS)):
            platform = Platform(workshop.folder / name, settings=_settings(off))
            stack.callback(platform.end)
            platforms.append(platform)
            cape = stack.enter_context(Cape(config_dir=platform.config_folder))
            worlds.append((cape, cape.deploy(echo_folder(), name="echo")))
        (jailed, echo), (unjailed, other) = worlds
        laps = race(
            [
                Contender.of("jailed", lambda: jailed.run(echo, None, PAYLOAD), rest=0.02),
                Contender.of("open", lambda: unjailed.run(other, None, PAYLOAD), rest=0.02),
            ],
            workshop.seconds(15),
        )
        yield Measurement(
            "first result on a new worker",
            laps["jailed"],
            (Comparison("the same without a jail", laps["open"]),),
            cost=cost_of_first_result(platforms[0], jailed, echo, 3 if workshop.quick else 30),
        )
        added = laps["jailed"].median - laps["open"].median
        yield Measurement(
            rows.JAIL_NEW,
            Sample([added]),
            (Comparison("the limit", None, AtMost(0.003)),),
        )
        with (
            jailed.function_context(echo, None) as ours,
            unjailed.function_context(other, None) as theirs,
        ):
            contenders = [
                Contender.of("jailed", lambda: ours.invoke(PAYLOAD)),
                Contender.of("open", lambda: theirs.invoke(PAYLOAD)),
            ]
            laps = race(contenders, workshop.seconds(10))
        yield Measurement(
            rows.JAIL_WARM,
            laps["jailed"],
            (Comparison("the same without a jail", laps["open"], TimeAtMost(1.02)),),
        )


def _modes(workshop: Workshop) -> Iterator[Measurement]:
    """Warm calls of the same function in each mode, beside a plain echo."""
    with ExitStack() as stack:
        cape = stack.enter_context(Cape(config_dir=workshop.platform.config_folder))
        plain = stack.enter_context(connected(workshop.echo.url))
        contenders = [Contender.of("plain websockets", lambda: echoed(plain))]
        calls: dict[str, Callable[[], object]] = {}
        for mode in _MODES:
            folder = _function(workshop.folder / "modes" / mode, f'isolation = "{mode}"\n')
            function = cape.deploy(folder, name=f"echo-{mode}")
            context = stack.enter_context(cape.function_context(function, None))
            calls[mode] = partial(context.invoke, PAYLOAD)
            contenders.append(Contender.of(mode, calls[mode]))
        samples = race(contenders, workshop.seconds(15))
        beside = Plain(lambda: echoed(plain), workshop.echo)
        rounds = 20 if workshop.quick else 300
        costs = {
            mode: cost_of(workshop.platform, call, rounds, plain=beside)
            for mode, call in calls.items()
        }
    for mode in _MODES:
        comparisons = [Comparison("plain websockets", samples["plain websockets"])]
        if mode != "session":
            comparisons.append(Comparison("isolation session", samples["session"]))
        yield Measurement(
            f"warm call, isolation {mode}", samples[mode], tuple(comparisons), cost=costs[mode]
        )


def _bundles(workshop: Workshop) -> Iterator[Measurement]:
    """First results of functions that the enclave has not had yet."""
    count = 2 if workshop.quick else 20
    with Cape(config_dir=workshop.platform.config_folder) as cape:
        functions = {
            name: [_deployed(workshop, cape, size, number) for number in range(count)]
            for name, size in ({"small": 0} | _BUNDLES).items()
        }
    workshop.platform.restart()
    samples: dict[str, Sample] = {}
    costs: dict[str, Cost] = {}
    with Cape(config_dir=workshop.platform.config_folder) as rested:
        for name, of_size in functions.items():
            laps = []
            spent = Spent(workshop.platform)
            for function in of_size:
                time.sleep(_PAUSE_SECONDS)
                laps.append(spent.first_result(rested, function))
            samples[name], costs[name] = Sample(laps), spent.each(count)
    for name in _BUNDLES:
        yield Measurement(
            f"cold function, bundle of {name}",
            samples[name],
            (Comparison("a bundle of one file", samples["small"]),),
            cost=costs[name],
        )


def _deployed(workshop: Workshop, cape: Cape, size: int, number: int) -> FunctionRef:
    folder = _function(workshop.folder / "bundles" / f"{size}-{number}", "", size)
    function = cape.deploy(folder, name=f"bundle-{size}-{number}")
    shutil.rmtree(folder)
    return function


def _function(folder: Path, settings: str, size: int = 0) -> Path:
    """Write an echo whose bundle has so many bytes that do not compress."""
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(
        f"# {folder.name}\ncape_fork_safe = True\ndef cape_handler(data):\n    return data\n"
    )
    if settings:
        (folder / "cape.toml").write_text(settings)
    if size:
        (folder / "weights.bin").write_bytes(os.urandom(size))
    return folder
