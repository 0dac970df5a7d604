"""Ways to take what the kernel keeps for all, past what adds up a function's share."""

import array
import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import tempfile
import threading
import time
from contextlib import suppress

from declare import attempt, call

RIGHTS = ("no_capabilities", "own_user", "user_namespace")
MEBIBYTE = 1 << 20
PAGE = 4096
EXIT, TIMER_CREATE, TIMER_DELETE = 60, 222, 226
PR_SET_DUMPABLE = 4
SCRATCH_FILES = 65536


def held_by_others(facts, prepare, leave):
    """Let children hold more memory than there may be, together; what they had a while later."""
    size = facts["memory_bytes"] * 3 // 4
    told, tell = os.pipe()
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            prepare()
            leave(lambda: hold(size, tell))
        children.append(child)
    for _ in children:
        os.read(told, 1)
    time.sleep(2)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return size * len(children)


def hold(size, tell):
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE)
    for start in range(0, size, PAGE):
        memory[start] = 1
    os.write(tell, b"x")
    time.sleep(60)
    os._exit(len(memory) > size)


def by_another_thread(work):
    """Work on in a thread when the process's first one, by which it is known, has ended."""
    threading.Thread(target=work).start()
    call("syscall", EXIT, 0)


@attempt("FunctionOutOfMemory", "memory_watch")
def memory_of_processes_without_their_first_thread(facts):
    return held_by_others(facts, lambda: None, by_another_thread)


@attempt("FunctionOutOfMemory", "memory_watch")
def memory_that_only_few_may_look_at(facts):
    def hide():
        call("prctl", PR_SET_DUMPABLE, 0, 0, 0, 0)

    return held_by_others(facts, hide, lambda work: work())


@attempt("EPERM", "system_calls")
def large_buffers_of_sockets(_facts):
    one, other = socket.socketpair()
    with one, other:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MEBIBYTE)
        return one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)


@attempt("EAGAIN", "resource_limits")
def many_timers(_facts):
    timers, number = [], ctypes.c_int()
    try:
        for _ in range(3000):
            call("syscall", TIMER_CREATE, 1, None, ctypes.byref(number))
            timers.append(number.value)
        return len(timers)
    finally:
        for timer in timers:
            call("syscall", TIMER_DELETE, timer)


@attempt("EAGAIN", "resource_limits")
def many_signals(_facts):
    """Signals that wait, each of which the kernel keeps."""
    libc = ctypes.CDLL(None, use_errno=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGRTMIN])
    try:
        for _ in range(3000):
            if libc.sigqueue(os.getpid(), int(signal.SIGRTMIN), None):
                raise OSError(ctypes.get_errno(), "no more of them")
        return 3000
    finally:
        while signal.sigtimedwait([signal.SIGRTMIN], 0):
            pass
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGRTMIN])


@attempt("ETOOMANYREFS", "resource_limits")
def many_descriptors_on_their_way(_facts):
    """In the queues of sockets they are not counted as open (unix(7), SCM_RIGHTS)."""
    null = os.open("/dev/null", os.O_RDONLY)
    many = array.array("i", [null] * 200)
    pairs = []
    try:
        for _ in range(20):
            pairs.append(socket.socketpair())
            message = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, many)]
            pairs[-1][0].sendmsg([b"x"], message)
        return len(pairs) * len(many)
    finally:
        for one, other in pairs:
            one.close()
            other.close()
        os.close(null)


@attempt("ENOSPC", "private_root", "landlock", "own_user")
def many_names(_facts):
    """Each is kept in memory as long as it is there, though the file is the same."""
    with tempfile.TemporaryDirectory() as folder:
        for first in range(0, SCRATCH_FILES, 8192):
            path = f"{folder}/{first}"
            open(path, "x").close()
            for number in range(1, 8193):
                os.link(path, f"{path}-{number}")
        return SCRATCH_FILES


@attempt("EPERM", "resource_limits", *RIGHTS)
def a_higher_limit_of_memory(_facts):
    limit = resource.RLIM_INFINITY
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    except ValueError as error:  # what Python makes of EPERM
        raise PermissionError(errno.EPERM, str(error)) from error
    return resource.getrlimit(resource.RLIMIT_DATA)


@attempt("EPERM", "system_calls", "own_user", "no_capabilities", "user_namespace")
def be_asked_before_others_may_write(_facts):
    """A lease (fcntl(2), F_SETLEASE): who opens the file waits until it is given back."""
    with open(os.__file__, "rb") as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        with suppress(OSError):
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return "leased"
