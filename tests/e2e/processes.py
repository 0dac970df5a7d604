"""Looking at processes, and killing them."""

import os
import resource
import signal
import time
from contextlib import contextmanager
from pathlib import Path


def descendants(pid: int) -> set[int]:
    """Return the processes below `pid`, from /proc."""
    parents = parents_of_all()
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def children(pid: int) -> set[int]:
    """Return the processes that `pid` started."""
    return {child for child, parent in parents_of_all().items() if parent == pid}


def parents_of_all() -> dict[int, int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    return parents


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(condition, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def kill_enclave(platform) -> set[int]:
    """Kill the runtime, and return what ran below it."""
    pid = platform.enclave_pid
    below = descendants(pid)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
    return below


def restart_enclave(platform) -> None:
    """Kill the runtime, and wait for the one that the platform starts in its place."""
    before = platform.enclave_pid
    kill_enclave(platform)
    wait_until(lambda: platform.enclave_pid not in {None, before})


@contextmanager
def no_more_descriptors():
    """This process has more than it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
