"""All checks, group by group."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pycape._timeout import Timeout
from pycape.cli._doctor._configuration import configuration_checks
from pycape.cli._doctor._discretion import Discretion
from pycape.cli._doctor._enclave import enclave_checks
from pycape.cli._doctor._finding import Checks, Finding
from pycape.cli._doctor._host import host_checks
from pycape.cli._doctor._installation import interpreter_checks, packaging_checks
from pycape.cli._doctor._local import local_checks
from pycape.cli._doctor._machine import Machine
from pycape.cli._doctor._network import Reached, network_checks

if TYPE_CHECKING:
    from pycape import Cape
    from pycape.cli._context import Context

_TIMEOUT = Timeout(connect=10.0, attest=10.0, request=10.0, idle=10.0)


@dataclass(frozen=True)
class Group:
    """Checks of one subject, in the order in which they were made."""

    name: str
    findings: list[Finding]


def all_groups(context: Context, machine: Machine) -> Iterator[Group]:
    """Make all checks; what one of them needs comes before it. What they say can be pasted."""
    discreet = Discretion.of_this_user()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the check of the environment tells of them
        config = context.config()
    reached = Reached()
    yield from _examined(
        discreet,
        ("python", interpreter_checks),
        ("configuration", partial(configuration_checks, config, machine.user)),
        ("network", partial(network_checks, config, reached)),
        ("enclave", partial(enclave_checks, partial(_client, context), reached)),
        ("packaging", packaging_checks),
        ("this machine", partial(local_checks, machine)),
        ("host of enclaves", partial(host_checks, machine)),
    )


def host_groups(machine: Machine, configuration: Path) -> Iterator[Group]:
    """Make the checks of a host whose agent has this configuration; what they say can be pasted."""
    from pycape.cli._doctor._agent import agent_checks  # noqa: PLC0415 - an extra, seldom needed

    checks = ("host of enclaves", partial(agent_checks, machine, configuration))
    yield from _examined(Discretion.of_this_user(), checks)


def _examined(discreet: Discretion, *groups: tuple[str, Callable[[], Checks]]) -> Iterator[Group]:
    for name, checks in groups:
        yield Group(name, [discreet.finding(each) for each in _survived(checks)])


def _client(context: Context) -> Cape:
    return context.client().with_options(timeout=_TIMEOUT, max_retries=0)


def _survived(checks: Callable[[], Checks]) -> Checks:
    """Go on with the other groups where one has a defect: whoever is ill asks for the rest, too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield from checks()
        except Exception as error:  # whatever it is, it is told
            says = f"a defect of cape doctor itself: {type(error).__name__}: {error}"
            yield Finding("cape doctor", "failed", says, fix="report it, with this output")
