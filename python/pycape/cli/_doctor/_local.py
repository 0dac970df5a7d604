"""What a local platform needs of this machine: its program, and what a jail is built of."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pycape
from pycape.cli._doctor._finding import Checks, Finding, attempted, from_error
from pycape.cli._doctor._machine import Machine
from pycape.cli._doctor._programs import version_of
from pycape.errors import CapeError

# enclave-runtime/src/jail/landlock.rs, VERSION.
_LANDLOCK_WANTED = 6
# enclave-runtime/src/jail/control_group.rs, NEEDED.
_CONTROLLERS_WANTED = ("memory", "pids")
_INSTALL = f"pip install 'pycape[local]=={pycape.__version__}'"
_LOCAL = f"only local platforms need it: {_INSTALL}"
_KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


def local_checks(machine: Machine) -> Checks:
    """Look for the program, and ask the kernel for what isolation of functions takes."""
    yield attempted("cape-enclave", _program, fix=_INSTALL)
    if machine.system != "linux":
        says = f"not here: local platforms are for Linux, and this is {machine.system}"
        for name in ("namespaces", "landlock", "seccomp", "control groups"):
            yield Finding(name, "skipped", says)
        return
    yield _namespaces(machine)
    yield _landlock(machine)
    yield _seccomp(machine)
    yield _control_groups(machine)


def _program() -> Finding:
    try:
        from pycape.local import enclave_program  # noqa: PLC0415 - an extra, seldom needed
    except ImportError as error:
        says = f"not here: {error.name} is not installed"
        return Finding("cape-enclave", "skipped", says, {}, _LOCAL)
    try:
        binary = enclave_program.EnclaveProgram.find().binary
    except CapeError as error:
        if os.environ.get(enclave_program.BINARY_VARIABLE):
            return from_error("cape-enclave", error, fix=_INSTALL)
        return Finding("cape-enclave", "skipped", f"not here: {error}", {}, _LOCAL)
    version = version_of(binary, enclave_program.enclave_environment())
    facts = {"path": str(binary), "version": version, "wanted": pycape.__version__}
    if version != pycape.__version__:
        says = f"version {version}, and pycape is {pycape.__version__}"
        return Finding("cape-enclave", "failed", says, facts, _INSTALL)
    return Finding("cape-enclave", "ok", f"version {version}, {binary}", facts)


def _namespaces(machine: Machine) -> Finding:
    missing = [kind for kind in _KINDS if not machine.exists(f"proc/self/ns/{kind}")]
    if missing:
        says = f"the kernel has none for {', '.join(missing)}"
        return _less("namespaces", says, {"missing": missing}, "a kernel with all namespaces")
    for setting, wrong, right in (
        ("user/max_user_namespaces", 0, "15000"),
        ("kernel/unprivileged_userns_clone", 0, "1"),
        ("kernel/apparmor_restrict_unprivileged_userns", 1, "0"),
    ):
        name = setting.replace("/", ".")
        root_may = name != "user.max_user_namespaces" and machine.user == 0
        if machine.number(f"proc/sys/{setting}") == wrong and not root_may:
            says = f"users may have none: {name} is {wrong}"
            return _less("namespaces", says, {name: wrong}, f"sysctl -w {name}={right}")
    try:
        machine.make_namespaces()
    except OSError as error:
        says = f"the kernel refuses to make them: {error.strerror or error}"
        fix = "in a container: one that may make user namespaces (a seccomp profile forbids it)"
        return _less("namespaces", says, {"errno": error.errno}, fix)
    return Finding("namespaces", "ok", "of users, processes, network, mounts and all others", {})


def _landlock(machine: Machine) -> Finding:
    try:
        version = machine.landlock_version()
    except OSError as error:
        fix = "a kernel that has it (6.12 or newer), and landlock among its lsm="
        return _less("landlock", f"not here: {error.strerror}", {"errno": error.errno}, fix)
    facts = {"version": version, "wanted": _LANDLOCK_WANTED}
    if version < _LANDLOCK_WANTED:
        says = f"version {version}, and {_LANDLOCK_WANTED} is needed"
        return _less("landlock", says, facts, "Linux 6.12 or newer")
    return Finding("landlock", "ok", f"version {version}", facts)


def _seccomp(machine: Machine) -> Finding:
    actions = (machine.text("proc/sys/kernel/seccomp/actions_avail") or "").split()
    facts = {"actions": actions}
    if "errno" not in actions:
        return _less("seccomp", "the kernel has no filters", facts, "a kernel with seccomp filters")
    return Finding("seccomp", "ok", "filters of system calls", facts)


def _control_groups(machine: Machine) -> Finding:
    """Look at this process's group; a runtime that systemd starts is in another one."""
    fix = "start the runtime by systemd with Delegate=yes (docs/operate/running.md)"
    groups = (machine.text("proc/self/cgroup") or "").splitlines()
    group = next((line[len("0::/") :] for line in groups if line.startswith("0::/")), None)
    mount = _version_two(machine.text("proc/self/mountinfo") or "")
    if group is None or mount is None:
        says = "not of version 2: memory is watched instead, processes counted by limits"
        return _less("control groups", says, {"version_2": False}, "boot with version 2 alone")
    folder = f"{mount}/{group}".strip("/")
    controllers = (machine.text(f"{folder}/cgroup.controllers") or "").split()
    missing = [name for name in _CONTROLLERS_WANTED if name not in controllers]
    facts = {"version_2": True, "controllers": controllers}
    if missing:
        says = f"version 2 without {' and '.join(missing)}"
        of_version_1 = _of_version_1(machine.text("proc/cgroups") or "")
        if of_version_1.issuperset(missing):
            says += f": version 1 has {'it' if len(missing) == 1 else 'them'}"
            fix = "boot with version 2 alone"
        return _less("control groups", f"{says}; memory is watched instead", facts, fix)
    if not machine.may_use(f"{folder}/cgroup.procs"):
        return _less("control groups", "version 2, and this one is not yours", facts, fix)
    return Finding("control groups", "ok", "version 2, for memory and processes", facts)


def _of_version_1(controllers: str) -> set[str]:
    """Return the controllers that a hierarchy of version 1 has (cgroups(7), /proc/cgroups)."""
    lines = [line.split() for line in controllers.splitlines() if not line.startswith("#")]
    return {name for name, hierarchy, *_ in lines if hierarchy != "0"}


def _version_two(mounts: str) -> str | None:
    """Return where control groups of version 2 are mounted (proc_pid_mountinfo(5))."""
    for line in mounts.splitlines():
        place, _, kind = line.partition(" - ")
        fields = place.split(" ")
        if kind.startswith("cgroup2 ") and fields[3:4] == ["/"]:
            return fields[4]
    return None


def _less(name: str, says: str, facts: Mapping[str, Any], fix: str) -> Finding:
    """Return what a local platform does without, in development only."""
    return Finding(name, "warning", says, facts, fix)
