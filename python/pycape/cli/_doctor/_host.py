"""A host of Nitro enclaves: the device, the allocator, the memory that is kept for enclaves."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pycape.cli._doctor._finding import Checks, Finding
from pycape.cli._doctor._machine import Machine

_DEVICE = "dev/nitro_enclaves"
_ALLOCATOR = "etc/nitro_enclaves/allocator.yaml"
_PROCESSORS = "sys/module/nitro_enclaves/parameters/ne_cpus"

_ENABLE = (
    "start the instance with enclaves enabled (docs/operate/aws.md), and "
    "dnf install aws-nitro-enclaves-cli"
)
_RESTART = "systemctl restart nitro-enclaves-allocator"
_START = "systemctl enable --now nitro-enclaves-allocator"
_LEAST_MIB = 64


@dataclass(frozen=True)
class Wanted:
    """What the enclaves of a host take together: MiB of memory, and processors."""

    memory_mib: int = 0
    processors: int = 0


def host_checks(machine: Machine) -> Checks:
    """Look at the host's parts, where there is a device; nowhere else do they belong."""
    if machine.exists(_DEVICE):
        yield from parts_of_host(machine, Wanted())
        return
    for name in ("nitro enclaves", "allocator", "hugepages"):
        yield Finding(name, "skipped", "not here: this machine is no host of Nitro enclaves")


def parts_of_host(machine: Machine, wanted: Wanted) -> Checks:
    """Look at the device, the allocator and the huge pages, which have to be there."""
    yield _device(machine)
    kept = _setting(machine.text(_ALLOCATOR) or "", "memory_mib")
    yield _allocator(machine, kept, wanted)
    yield _hugepages(machine, kept)


def _device(machine: Machine) -> Finding:
    facts = {"path": f"/{_DEVICE}"}
    if not machine.exists(_DEVICE):
        says = f"/{_DEVICE} is missing"
        return Finding("nitro enclaves", "failed", says, facts, _ENABLE)
    if not machine.may_use(_DEVICE):
        says = f"/{_DEVICE} is there, and your user may not use it"
        fix = "usermod -aG ne $USER, then log in anew"
        return Finding("nitro enclaves", "failed", says, facts, fix)
    return Finding("nitro enclaves", "ok", f"/{_DEVICE} can be used", facts)


def _allocator(machine: Machine, memory: int | None, wanted: Wanted) -> Finding:
    processors = _setting(machine.text(_ALLOCATOR) or "", "cpu_count")
    taken = machine.text(_PROCESSORS) or ""
    facts = {"memory_mib": memory, "cpu_count": processors, "processors": taken}
    if memory is None or processors is None:
        says = f"/{_ALLOCATOR} does not say memory_mib and cpu_count"
        fix = f"set both, then {_START}"
        return Finding("allocator", "failed", says, facts, fix)
    says = f"{memory} MiB and {processors} processors for enclaves"
    if memory < wanted.memory_mib or processors < wanted.processors:
        needed = f"{wanted.memory_mib} MiB and {wanted.processors} processors"
        fix = f"memory_mib: {wanted.memory_mib}, cpu_count: {wanted.processors}, then {_RESTART}"
        return Finding("allocator", "failed", f"{says}, and {needed} are needed", facts, fix)
    if not taken:
        return Finding("allocator", "failed", f"{says}, and it does not run", facts, _START)
    return Finding("allocator", "ok", f"{says} (number {taken})", facts)


def _hugepages(machine: Machine, wanted: int | None) -> Finding:
    kept, free = _hugepages_mib(machine)
    facts = {"kept_mib": kept, "free_mib": free, "wanted_mib": wanted}
    if kept < max(wanted or 0, _LEAST_MIB):
        says = f"{kept} MiB are kept for enclaves, of {wanted or _LEAST_MIB} MiB"
        fix = "systemctl restart nitro-enclaves-allocator; soon after a boot there is room"
        return Finding("hugepages", "failed", says, facts, fix)
    return Finding("hugepages", "ok", f"{kept} MiB, of which {free} MiB are free", facts)


def _hugepages_mib(machine: Machine) -> tuple[int, int]:
    """Return how much memory huge pages have, and how much of it is free, over all their sizes."""
    sizes = machine.names("sys/kernel/mm/hugepages")
    kept = free = 0
    for size in sizes:
        folder = f"sys/kernel/mm/hugepages/{size}"
        match = re.fullmatch(r"hugepages-(\d+)kB", size)
        kib = int(match[1]) if match else 0
        kept += kib * (machine.number(f"{folder}/nr_hugepages") or 0)
        free += kib * (machine.number(f"{folder}/free_hugepages") or 0)
    return kept // 1024, free // 1024


def _setting(text: str, name: str) -> int | None:
    """Return a number of the allocator's file, which is YAML of lines `name: number`."""
    match = re.search(rf"^{name}:\s*(\d+)\s*(#.*)?$", text, re.MULTILINE)
    return int(match[1]) if match else None
