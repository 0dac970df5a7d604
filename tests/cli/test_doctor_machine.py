"""cape doctor: what local platforms and hosts need of a machine, on machines of all kinds."""

import errno
import os
import sys

import pytest
from tests.cli.doctor import OtherMachine, write_files

import pycape
from pycape.cli._doctor._host import host_checks
from pycape.cli._doctor._local import local_checks
from pycape.cli._doctor._machine import Machine

GROUP = "sys/fs/cgroup/user.slice"
SOUND = {
    **{
        f"proc/self/ns/{kind}": "" for kind in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
    },
    "proc/sys/user/max_user_namespaces": "15000",
    "proc/sys/kernel/seccomp/actions_avail": "kill_process errno allow",
    "proc/self/cgroup": "0::/user.slice\n",
    "proc/self/mountinfo": "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n",
    f"{GROUP}/cgroup.controllers": "cpu memory pids",
}
OWN_GROUP = {f"{GROUP}/cgroup.procs"}

HOST = {
    "dev/nitro_enclaves": "",
    "etc/nitro_enclaves/allocator.yaml": "---\n# kept\nmemory_mib: 512\ncpu_count: 2 # of 4\n",
    "sys/module/nitro_enclaves/parameters/ne_cpus": "1,3",
    "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "256",
    "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages": "100",
    "sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages": "0",
    "sys/devices/system/cpu/online": "0,2",
}


def machine(tmp_path, files: dict[str, str | None], **answers) -> OtherMachine:
    """A machine with these files, of which None is one that is not there."""
    write_files(tmp_path, {path: text for path, text in files.items() if text is not None})
    answers = {"system": "linux", "user": 1000, "usable": OWN_GROUP, **answers}
    return OtherMachine(root=tmp_path, **answers)


def found(checks) -> dict:
    return {finding.name: finding for finding in checks}


def test_a_machine_with_everything(tmp_path):
    checks = found(local_checks(machine(tmp_path, SOUND)))
    for name in ("namespaces", "landlock", "seccomp", "control groups"):
        assert checks[name].state == "ok", checks[name]


@pytest.mark.parametrize(
    ("name", "files", "answers", "says", "fix"),
    [
        ("namespaces", {"proc/self/ns/user": None}, {}, "the kernel has none for user", "a kernel"),
        (
            "namespaces",
            {"proc/sys/user/max_user_namespaces": "0"},
            {"user": 0},
            "users may have none: user.max_user_namespaces is 0",
            "sysctl -w user.max_user_namespaces=15000",
        ),
        (
            "namespaces",
            {"proc/sys/kernel/unprivileged_userns_clone": "0"},
            {},
            "kernel.unprivileged_userns_clone is 0",
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            "namespaces",
            {"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"},
            {},
            "kernel.apparmor_restrict_unprivileged_userns is 1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            "namespaces",
            {},
            {"namespaces": OSError(errno.EPERM, os.strerror(errno.EPERM))},
            "the kernel refuses to make them: Operation not permitted",
            "in a container",
        ),
        (
            "landlock",
            {},
            {"landlock": OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))},
            "not here: Function not implemented",
            "lsm=",
        ),
        ("landlock", {}, {"landlock": 4}, "version 4, and 6 is needed", "Linux 6.12"),
        ("seccomp", {"proc/sys/kernel/seccomp/actions_avail": None}, {}, "no filters", "a kernel"),
        ("control groups", {"proc/self/cgroup": "4:memory:/\n"}, {}, "not of version 2", "boot"),
        ("control groups", {"proc/self/mountinfo": ""}, {}, "not of version 2", "boot"),
        (
            "control groups",
            {f"{GROUP}/cgroup.controllers": "cpu pids"},
            {},
            "version 2 without memory; memory is watched",
            "Delegate=yes",
        ),
        (
            "control groups",
            {
                f"{GROUP}/cgroup.controllers": "hugetlb",
                "proc/cgroups": "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"
                "memory\t4\t17\t1\nhugetlb\t0\t1\t1\npids\t8\t1\t1\n",
            },
            {},
            "version 2 without memory and pids: version 1 has them; memory is watched",
            "version 2 alone",
        ),
        ("control groups", {}, {"usable": set()}, "this one is not yours", "Delegate=yes"),
    ],
)
def test_what_a_machine_lacks_has_its_fix(tmp_path, name, files, answers, says, fix):
    checks = found(local_checks(machine(tmp_path, {**SOUND, **files}, **answers)))
    assert checks[name].state == "warning"
    assert says in checks[name].says
    assert fix in checks[name].fix
    others = {"namespaces", "landlock", "seccomp", "control groups"} - {name}
    assert {checks[other].state for other in others} == {"ok"}


def test_root_makes_namespaces_whatever_users_may(tmp_path):
    files = {**SOUND, "proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"}
    checks = found(local_checks(machine(tmp_path, files, user=0)))
    assert checks["namespaces"].state == "ok"


def test_another_system_is_no_failure(tmp_path):
    checks = found(local_checks(machine(tmp_path, {}, system="darwin")))
    for name in ("namespaces", "landlock", "seccomp", "control groups"):
        assert checks[name].state == "skipped"
        assert "darwin" in checks[name].says


def test_this_machine_is_looked_at():
    here = Machine()
    assert here.text("proc/self/status")
    assert here.number("proc/sys/kernel/pid_max") > 0
    assert (here.text("nowhere"), here.number("proc/self/status")) == (None, None)
    assert here.names("proc/self/ns")
    assert here.names("nowhere") == []
    for ask in (here.landlock_version, here.make_namespaces):
        try:
            ask()
        except OSError as error:
            assert error.errno


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a function that puts a program in the place of cape-enclave."""

    def put(answer: str, status: int = 0):
        path = tmp_path / "cape-enclave"
        path.write_text(f"#!/bin/sh\necho '{answer}'\nexit {status}\n")
        path.chmod(0o755)
        monkeypatch.setenv("CAPE_ENCLAVE_BINARY", str(path))
        return found(local_checks(machine(tmp_path / "root", SOUND)))["cape-enclave"]

    return put


def test_the_program_of_this_version(program):
    finding = program(f"cape-enclave {pycape.__version__}")
    assert finding.state == "ok"
    assert finding.facts["version"] == pycape.__version__


def test_the_program_of_another_version(program):
    finding = program("cape-enclave 3.9.0")
    assert (finding.state, finding.says) == (
        "failed",
        f"version 3.9.0, and pycape is {pycape.__version__}",
    )
    assert f"pycape[local]=={pycape.__version__}" in finding.fix


@pytest.mark.parametrize(("answer", "status"), [("", 0), ("something 4", 0), ("cape-enclave 4", 9)])
def test_a_program_that_is_another(program, answer, status):
    finding = program(answer, status)
    assert finding.state == "failed"
    assert f"does not tell its version (status {status})" in finding.says


def test_a_program_that_cannot_be_run(tmp_path, monkeypatch):
    (tmp_path / "cape-enclave").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "cape-enclave").chmod(0o755)
    monkeypatch.setenv("CAPE_ENCLAVE_BINARY", str(tmp_path / "cape-enclave"))
    finding = found(local_checks(machine(tmp_path, SOUND)))["cape-enclave"]
    assert finding.state == "failed"
    assert "does not run: Exec format error" in finding.says


def test_a_program_that_is_named_and_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("CAPE_ENCLAVE_BINARY", str(tmp_path / "nowhere"))
    finding = found(local_checks(machine(tmp_path, SOUND)))["cape-enclave"]
    assert finding.state == "failed"
    assert "CAPE_ENCLAVE_BINARY names" in finding.says


def test_without_a_local_platform_nothing_is_wrong(tmp_path, monkeypatch):
    monkeypatch.delenv("CAPE_ENCLAVE_BINARY", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    finding = found(local_checks(machine(tmp_path, SOUND)))["cape-enclave"]
    assert finding.state == "skipped"
    assert "pycape[local]" in finding.fix


def test_without_the_packages_of_local_platforms_nothing_is_wrong(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("pycape.local")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(pycape, "local", raising=False)
    monkeypatch.setitem(sys.modules, "msgspec", None)
    finding = found(local_checks(machine(tmp_path, SOUND)))["cape-enclave"]
    assert finding.state == "skipped"
    assert finding.says.endswith("msgspec is not installed")


def test_what_is_no_host_is_no_failure(tmp_path):
    checks = list(host_checks(machine(tmp_path, SOUND)))
    assert [finding.state for finding in checks] == ["skipped"] * 4
    assert all("not here" in finding.says for finding in checks)


def test_a_host(tmp_path):
    checks = found(host_checks(machine(tmp_path, HOST, usable={"dev/nitro_enclaves"})))
    assert {finding.state for finding in checks.values()} == {"ok"}
    assert checks["allocator"].says == "512 MiB and 2 processors for enclaves (number 1,3)"
    assert checks["hugepages"].says == "512 MiB, of which 200 MiB are free"


@pytest.mark.parametrize(
    ("name", "files", "usable", "fix"),
    [
        ("nitro enclaves", {}, set(), "usermod -aG ne"),
        ("allocator", {"etc/nitro_enclaves/allocator.yaml": None}, None, "set both"),
        ("allocator", {"etc/nitro_enclaves/allocator.yaml": "memory_mib: 1"}, None, "set both"),
        ("allocator", {"sys/module/nitro_enclaves/parameters/ne_cpus": ""}, None, "systemctl"),
        (
            "hugepages",
            {"sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "12"},
            None,
            "systemctl restart",
        ),
    ],
)
def test_what_a_host_lacks_has_its_fix(tmp_path, name, files, usable, fix):
    usable = {"dev/nitro_enclaves"} if usable is None else usable
    checks = found(host_checks(machine(tmp_path, {**HOST, **files}, usable=usable)))
    assert checks[name].state == "failed"
    assert fix in checks[name].fix
