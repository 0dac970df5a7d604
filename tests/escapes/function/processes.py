"""Ways to other processes, and to rights."""

import ctypes
import os
import signal
import struct

from declare import attempt, call, system_call

RIGHTS = ("no_capabilities", "own_user", "user_namespace")

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
PR_GET_NO_NEW_PRIVS = 39
CLONE, CLONE3, CAPGET = 56, 435, 125
CLONE_NEWUSER = 0x10000000


@attempt("ESRCH", "pid_namespace", "own_user", "landlock")
def see_another_process(facts):
    return os.kill(facts["decoy"], 0)


@attempt("ESRCH", "pid_namespace", "own_user", "landlock")
def end_another_process(facts):
    return os.kill(facts["decoy"], signal.SIGKILL)


@attempt("ESRCH", "pid_namespace", "own_user", "landlock")
def learn_of_the_runtime(facts):
    return os.getsid(facts["runtime"])


@attempt("EPERM", "system_calls")
def attach_to_the_first_process(_facts):
    first = os.getppid()
    call("ptrace", PTRACE_ATTACH, first, None, None)
    os.waitpid(first, 0x40000000)  # __WALL
    call("ptrace", PTRACE_DETACH, first, None, None)
    return first


@attempt("EPERM", "system_calls")
def read_the_memory_of_the_first_process(_facts):
    buffer = ctypes.create_string_buffer(16)
    ours = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 16)
    theirs = (ctypes.c_void_p * 2)(0x1000, 16)
    return system_call(310, os.getppid(), ours, 1, theirs, 1, 0)


@attempt("EPERM", "system_calls", *RIGHTS)
def become_root(_facts):
    os.setuid(0)
    if os.stat("/").st_uid != os.getuid():
        raise PermissionError(1, "root of nothing")
    return os.getuid()


@attempt("EPERM", *RIGHTS)
def have_capabilities(_facts):
    header = struct.pack("Ii", 0x20080522, 0)
    data = ctypes.create_string_buffer(24)
    call("syscall", CAPGET, header, data)
    effective, permitted, inheritable, *_ = struct.unpack("6I", data.raw)
    if not effective | permitted | inheritable:
        raise PermissionError(1, "there are none")
    return hex(effective)


@attempt("EPERM", "no_new_privileges", "landlock", "system_calls")
def gain_rights_by_starting_programs(_facts):
    if call("prctl", PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0):
        raise PermissionError(1, "no program gains any")
    return "programs may"


@attempt("EPERM", "system_calls")
def a_user_namespace_of_its_own(_facts):
    return call("unshare", CLONE_NEWUSER)


@attempt("EPERM", "system_calls")
def a_child_in_a_user_namespace(_facts):
    child = call("syscall", CLONE, CLONE_NEWUSER | signal.SIGCHLD, None, None, None, None)
    if child == 0:
        os._exit(0)
    return os.waitpid(child, 0)


@attempt("ENOSYS", "system_calls")
def a_child_whose_flags_no_filter_sees(_facts):
    return system_call(CLONE3, None, 0)


@attempt("EPERM", "resource_limits", *RIGHTS)
def run_before_all_others(_facts):
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@attempt("EACCES EPERM", "resource_limits", *RIGHTS)
def be_more_important(_facts):
    return os.setpriority(os.PRIO_PROCESS, 0, -5)


@attempt("EBADF", "closed_descriptors")
def a_descriptor_of_the_runtime(facts):
    return os.pread(facts["descriptor"], 100, 0)


@attempt("ENOENT", "uts_namespace")
def the_machines_name(facts):
    if os.uname().nodename != facts["host_name"]:
        raise FileNotFoundError(2, "it has another name here")
    return os.uname().nodename
