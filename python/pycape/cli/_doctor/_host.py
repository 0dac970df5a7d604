"""A host of Nitro enclaves: the device, the allocator, the memory that is kept for enclaves."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pycape.cli._doctor._finding import Checks, Finding
from pycape.cli._doctor._machine import Machine

_DEVICE = "dev/nitro_enclaves"
_ALLOCATOR = "etc/nitro_enclaves/allocator.yaml"
_PROCESSORS = "sys/module/nitro_enclaves/parameters/ne_cpus"
_ONLINE = "sys/devices/system/cpu/online"
_THREADS = "sys/devices/system/cpu/smt/active"

_ENABLE = (
    "start the instance with enclaves enabled (docs/operate/aws.md), and "
    "dnf install aws-nitro-enclaves-cli"
)
_RESTART = "systemctl restart nitro-enclaves-allocator"
_START = "systemctl enable --now nitro-enclaves-allocator"
_LEAST_MIB = 64
_GROUP = "ne"
_THREADS_OF_A_CORE = 2


@dataclass(frozen=True)
class Wanted:
    """MiB of memory and processors that a host's enclaves take together, and processors each."""

    memory_mib: int = 0
    processors: int = 0
    processors_each: int = 0


def host_checks(machine: Machine) -> Checks:
    """Look at the host's parts, where there is a device; nowhere else do they belong."""
    if machine.exists(_DEVICE):
        yield from parts_of_host(machine, Wanted())
        return
    for name in ("nitro enclaves", "allocator", "hugepages", "processors"):
        yield Finding(name, "skipped", "not here: this machine is no host of Nitro enclaves")


def parts_of_host(machine: Machine, wanted: Wanted) -> Checks:
    """Look at the device, the allocator, and what it keeps: memory and processors."""
    yield _device(machine)
    kept = _setting(machine.text(_ALLOCATOR) or "", "memory_mib")
    yield _allocator(machine, kept, wanted)
    yield _hugepages(machine, kept)
    yield _processors(machine, wanted)


def _device(machine: Machine) -> Finding:
    owner = machine.owner(_DEVICE)
    if owner is None:
        says = f"/{_DEVICE} is missing"
        return Finding("nitro enclaves", "failed", says, {"path": f"/{_DEVICE}"}, _ENABLE)
    group, mode = owner
    facts = {"path": f"/{_DEVICE}", "group": group, "mode": f"{mode:04o}"}
    if not machine.may_use(_DEVICE):
        says = f"/{_DEVICE} is of the group {group} ({mode:04o}), and your user may not use it"
        if group == _GROUP:
            fix = f"usermod -aG {_GROUP} $USER, then log in anew"
        else:
            fix = f"systemctl restart nitro-enclaves-allocator gives it to the group {_GROUP}"
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


def _processors(machine: Machine, wanted: Wanted) -> Finding:
    """Enclaves have cores of their own, whole ones, and the first one stays with the instance."""
    pool, online = _listed(machine.text(_PROCESSORS)), _listed(machine.text(_ONLINE))
    threads = machine.text(_THREADS) == "1"
    facts = {"pool": sorted(pool), "online": sorted(online), "threads": threads}
    if len(pool) < wanted.processors:
        says = f"{len(pool)} are kept for enclaves, and {wanted.processors} are needed"
        return Finding(
            "processors", "failed", says, facts, f"cpu_count of /{_ALLOCATOR}: {_RESTART}"
        )
    if threads and wanted.processors_each % _THREADS_OF_A_CORE:
        says = f"{wanted.processors_each} for an enclave, and a core has {_THREADS_OF_A_CORE}"
        fix = f"cpus = {wanted.processors_each + 1} of [image]: an enclave has whole cores"
        return Finding("processors", "failed", says, facts, fix)
    left = len(online - pool)
    if left < _THREADS_OF_A_CORE:
        says = f"{left} are left for the machine itself, which wants {_THREADS_OF_A_CORE}"
        return Finding("processors", "warning", says, facts, "a larger type of instance")
    says = f"{len(pool)} are kept for enclaves, {left} are left for the machine itself"
    return Finding("processors", "ok", says, facts)


def _listed(text: str | None) -> set[int]:
    """Return the numbers of a list of the kernel's, as `0-2,5`."""
    ranges = re.findall(r"(\d{1,5})(?:-(\d{1,5}))?", text or "")
    return {it for first, last in ranges for it in range(int(first), int(last or first) + 1)}


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
