"""Ways to another tenant of the same enclave."""

import ctypes
import fcntl
import glob
import mmap
import os
import resource
import signal
import socket
import time

from declare import call, system_call
from victim import SECRET

TENANTS = {}
SETNS = 308
CPUCLOCK_SCHED = 2


def against_a_tenant(refused):
    """Declare an attempt, and what refuses it; it is told where the victim's things are."""

    def declare(function):
        function.refused = refused.split()
        TENANTS[function.__name__] = function
        return function

    return declare


@against_a_tenant("ENOENT")
def its_file(facts):
    with open(facts["file"]) as file:
        return file.read()


@against_a_tenant("ENOENT")
def its_files_by_its_process(facts):
    with open(f"/proc/{facts['process']}/root{facts['file']}") as file:
        return file.read()


@against_a_tenant("ENOENT")
def code_that_is_not_mine(_facts):
    found = set(glob.glob("/tmp/cape-enclave-*")) | set(glob.glob("/pycache/tmp/*"))
    if not found:
        raise FileNotFoundError(2, "there is nothing but its own")
    return found


@against_a_tenant("ENOENT")
def its_environment(facts):
    with open(f"/proc/{facts['process']}/environ") as file:
        return file.read()


@against_a_tenant("ENOENT")
def memory_that_it_had_before(_facts):
    memory = mmap.mmap(-1, 64 << 20, mmap.MAP_PRIVATE)
    if memory.find(SECRET.encode()) == -1:
        raise FileNotFoundError(2, "it is empty")
    return "found"


@against_a_tenant("ECONNREFUSED EPERM")
def its_socket(facts):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + facts["socket"])
        return "connected"


@against_a_tenant("ESRCH")
def end_its_process(facts):
    return os.kill(facts["process"], signal.SIGKILL)


@against_a_tenant("ESRCH")
def stop_its_process(facts):
    return os.kill(facts["process"], signal.SIGSTOP)


@against_a_tenant("ESRCH")
def end_its_session(facts):
    return os.killpg(facts["process"], signal.SIGKILL)


@against_a_tenant("ESRCH")
def refer_to_its_process(facts):
    return os.pidfd_open(facts["process"])


@against_a_tenant("EPERM")
def trace_its_process(facts):
    return call("ptrace", 16, facts["process"], None, None)


@against_a_tenant("EPERM")
def read_its_memory(facts):
    return system_call(310, facts["process"], None, 0, None, 0, 0)


@against_a_tenant("EPERM")
def enter_its_namespaces(_facts):
    return system_call(SETNS, -1, 0)


@against_a_tenant("ESRCH")
def slow_it_down(facts):
    return os.setpriority(os.PRIO_PROCESS, facts["process"], 19)


@against_a_tenant("ESRCH")
def put_it_on_one_processor(facts):
    return os.sched_setaffinity(facts["process"], {0})


@against_a_tenant("ESRCH")
def on_which_processors_it_is(facts):
    return sorted(os.sched_getaffinity(facts["process"]))


@against_a_tenant("EINVAL")
def how_busy_it_is(facts):
    return time.clock_gettime(~facts["process"] << 3 | CPUCLOCK_SCHED)


@against_a_tenant("ESRCH")
def limit_it(facts):
    return resource.prlimit(facts["process"], resource.RLIMIT_NOFILE, (500, 500))


@against_a_tenant("EPERM")
def memory_that_both_may_attach(_facts):
    libc = ctypes.CDLL(None, use_errno=True)
    ctypes.set_errno(0)
    segment = libc.shmget(0x43004300, 4096, 0o1666)
    if segment == -1:
        raise OSError(ctypes.get_errno(), "no shared memory")
    libc.shmctl(segment, 0, None)
    return "shared"


@against_a_tenant("")
def every_lock_on_what_all_read(_facts):
    """Nobody else asks for them, so they keep nobody waiting."""
    sources = [open(path) for path in glob.glob(os.path.dirname(os.__file__) + "/*.py")]
    for source in sources:
        fcntl.flock(source, fcntl.LOCK_EX | fcntl.LOCK_NB)
    time.sleep(0.2)
    for source in sources:
        source.close()
    return len(sources)


@against_a_tenant("")
def as_many_processes_as_there_may_be(facts):
    children = []
    try:
        while len(children) < facts["processes"] * 2:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except BlockingIOError:
        pass
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return len(children)


@against_a_tenant("")
def as_much_room_as_there_is(_facts):
    written = 0
    try:
        with open("/tmp/filled", "wb") as file:
            while True:
                written += file.write(bytes(1 << 20))
                file.flush()
    except OSError:
        os.unlink("/tmp/filled")
    return written
