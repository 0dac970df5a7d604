"""Ways to learn of others, or to let something out, by what all share."""

import ctypes
import errno
import mmap
import os
import resource
import signal
import socket
import struct
import time

from declare import attempt, call

PREADV2, FADVISE, RWF_NOWAIT = 327, 221, 8
GETPID, GETPID_OF_32_BITS, X32 = 39, 20, 0x40000000
CPUCLOCK_SCHED = 2


def a_module_that_others_import():
    return os.open(os.path.join(os.path.dirname(os.__file__), "this.py"), os.O_RDONLY)


@attempt("EPERM", "system_calls")
def see_what_others_have_read(_facts):
    """Whether a file is in memory already, without reading it (preadv2(2), RWF_NOWAIT)."""
    file = a_module_that_others_import()
    buffer = ctypes.create_string_buffer(16)
    into = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), len(buffer))
    os.pread(file, 16, 0)
    try:
        return call("syscall", PREADV2, file, into, 1, 0, 0, RWF_NOWAIT)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise OSError(errno.ENOSYS, "not on this file system") from error
        raise
    finally:
        os.close(file)


@attempt("EPERM", "system_calls")
def make_others_read_it_again(_facts):
    """So that it is seen when they do, and takes them longer."""
    file = a_module_that_others_import()
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)
    return "forgotten"


@attempt("EPERM", "system_calls")
def how_much_others_store(_facts):
    """All bundles are in one file system: how full it is says when another's comes, of which size
    and of how many files."""
    space = os.statvfs(os.path.dirname(__file__))
    return space.f_blocks - space.f_bfree, space.f_files - space.f_ffree


@attempt("EPERM", "system_calls")
def how_full_the_machines_disk_is(_facts):
    library = os.open(os.path.dirname(os.__file__), os.O_RDONLY)
    try:
        space = os.fstatvfs(library)
        return space.f_blocks - space.f_bfree
    finally:
        os.close(library)


@attempt("EINVAL", "pid_namespace")
def how_busy_the_runtime_is(facts):
    """By the clock of its processor time (clock_getcpuclockid(3))."""
    return time.clock_gettime(~facts["runtime"] << 3 | CPUCLOCK_SCHED)


@attempt("EINVAL", "pid_namespace")
def how_busy_another_process_is(facts):
    return time.clock_gettime(~facts["decoy"] << 3 | CPUCLOCK_SCHED)


@attempt("ESRCH", "pid_namespace")
def on_which_processors_the_runtime_is(facts):
    return sorted(os.sched_getaffinity(facts["runtime"]))


@attempt("ESRCH", "pid_namespace", "own_user", "user_namespace", "no_capabilities")
def the_limits_of_the_runtime(facts):
    return resource.prlimit(facts["runtime"], resource.RLIMIT_NOFILE)


@attempt("EACCES", "landlock")
def add_to_the_randomness_of_all(_facts):
    with open("/dev/urandom", "wb", buffering=0) as device:
        return device.write(b"known")


@attempt("EPERM", "resource_limits")
def leave_its_memory_to_a_program(_facts):
    """A program that takes cores has them whatever the limit is, unless it is one byte (core(5);
    the kernel's fs/coredump.c)."""
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    if limits == (1, 1):
        raise PermissionError(errno.EPERM, "no core is made")
    return limits


@attempt("EPERM", "system_calls")
def leave_its_memory_to_a_program_after_all(_facts):
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        except ValueError:
            os._exit(errno.EPERM)
        os._exit(0)
    return succeeded(child)


@attempt("EPERM", "system_calls")
def data_out_of_band(_facts):
    """An old part of sockets between processes, of which faults of the kernel were known."""
    one, other = socket.socketpair()
    with one, other:
        return one.send(b"x", socket.MSG_OOB)


@attempt("EPERM", "system_calls")
def a_message_out_of_band(_facts):
    one, other = socket.socketpair()
    with one, other:
        return one.sendmsg([b"x"], [], socket.MSG_OOB)


@attempt("EPERM", "system_calls")
def a_system_call_of_32_bits(_facts):
    """By the interrupt that programs of 32 bits use, with numbers of its own."""
    code = struct.pack("<BI", 0xB8, GETPID_OF_32_BITS) + b"\xcd\x80\xc3"  # mov, int 0x80, ret
    memory = mmap.mmap(
        -1, mmap.PAGESIZE, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
    )
    memory[: len(code)] = code
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    child = os.fork()
    if child == 0:
        os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(start)() > 0 else errno.ENOSYS)
    return succeeded(child)


@attempt("EPERM", "system_calls")
def a_system_call_of_another_numbering(_facts):
    return call("syscall", X32 | GETPID)


def succeeded(child):
    """What came of a child: the error that it ended with, or that it was ended for its call."""
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        refused = os.WTERMSIG(status) == signal.SIGSYS
        raise OSError(errno.EPERM if refused else errno.ENOSYS, "ended by a signal")
    if code := os.WEXITSTATUS(status):
        raise OSError(code, os.strerror(code))
    return "succeeded"
