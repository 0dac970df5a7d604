"""Calls by which a kernel is attacked or configured, with arguments that it refuses when it sees
them. The numbers are those of x86_64."""

import fcntl
import os

from declare import attempt, call, system_call

RIGHTS = ("no_capabilities", "own_user", "user_namespace")
TIOCSTI = 0x5412
ADDR_NO_RANDOMIZE = 0x40000
CREATE_KEY = 0o1000

# Those that the kernel grants to everybody, and would look at.
FOR_ALL = {
    "add_key": (248, None, None, None, 0, 0),
    "cachestat": (451, -1, None, None, 0),
    "inotify_init1": (294, 0x7FFFFFFF),
    "inotify_add_watch": (254, -1, None, 0),
    "io_setup": (206, 0, None),
    "io_uring_register": (427, -1, 0x7FFFFFFF, None, 0),
    "io_uring_setup": (425, 0, None),
    "ioprio_set": (251, 99, 0, 0),
    "kcmp": (312, -1, -1, 0, 0, 0),
    "keyctl": (250, 0x7FFF, 0, 0, 0, 0),
    "landlock_create_ruleset": (444, None, 1, 0),
    "listmount": (458, None, None, 0, 0x7FFFFFFF),
    "lsm_get_self_attr": (459, 0x7FFF, None, None, 0),
    "memfd_create": (319, None, 0x7FFFFFFF),
    "memfd_secret": (447, 0x7FFFFFFF),
    "modify_ldt": (154, 99, None, 0),
    "move_pages": (279, 0, 1, None, None, None, 0x7FFF),
    "mq_open": (240, None, 0, 0, None),
    "msgget": (68, 0x7FFFFFFF, 0),
    "name_to_handle_at": (303, -1, None, None, None, 0),
    "perf_event_open": (298, None, 0, 0, 0, 0),
    "pidfd_getfd": (438, -1, 0, 0x7FFFFFFF),
    "process_madvise": (440, -1, None, 0, 0, 0),
    "process_mrelease": (448, -1, 0x7FFF),
    "process_vm_writev": (311, 0, None, 0, None, 0, 0x7FFF),
    "quotactl": (179, 0x7FFFFFFF, None, 0, None),
    "remap_file_pages": (216, 1, 0, 0, 0, 0),
    "request_key": (249, None, None, None, 0),
    "seccomp": (317, 99, 0, None),
    "semget": (64, 0x7FFFFFFF, 0, 0),
    "setxattr": (188, None, None, None, 0, 0),
    "shmget": (29, 0x7FFFFFFF, 0, 0),
    "statmount": (457, None, None, 0, 0x7FFFFFFF),
    "vmsplice": (278, -1, None, 0, 0),
}

# Those that need a right, which are asked for together with it.
FOR_ROOT = {
    "bpf": (321, 99, None, 0),
    "clock_adjtime": (305, 99, None),
    "clock_settime": (227, 99, None),
    "delete_module": (176, None, 0),
    "fanotify_init": (300, 0x80000000, 0),
    "finit_module": (313, -1, None, 0),
    "fsmount": (432, -1, 0x7FFFFFFF, 0),
    "fsopen": (430, None, 0x7FFFFFFF),
    "fspick": (433, -1, None, 0x7FFFFFFF),
    "init_module": (175, None, 0, None),
    "ioperm": (173, 0x7FFFFFFF, 1, 1),
    "iopl": (172, 99),
    "kexec_load": (246, 0, 0x7FFFFFFF, None, 0),
    "mount_setattr": (442, -1, None, 0x7FFFFFFF, None, 0),
    "mount": (165, None, None, None, 0, None),
    "move_mount": (429, -1, None, -1, None, 0x7FFFFFFF),
    "open_by_handle_at": (304, -1, None, 0),
    "open_tree": (428, -1, None, 0x7FFFFFFF),
    "pivot_root": (155, None, None),
    "reboot": (169, 0, 0, 0, None),
    "setns": (308, -1, 0),
    "settimeofday": (164, None, None),
    "swapoff": (168, None),
    "swapon": (167, None, 0),
    "syslog": (103, 99, None, 0),
    "umount2": (166, None, 0),
    "userfaultfd": (323, 0x7FFFFFFF),
}


def declare(name, arguments, layers):
    def make(_facts):
        return system_call(*arguments)

    make.__name__ = name
    attempt("EPERM", *layers)(make)


for _name, _arguments in FOR_ALL.items():
    declare(_name, _arguments, ("system_calls",))
for _name, _arguments in FOR_ROOT.items():
    declare(_name, _arguments, ("system_calls", *RIGHTS))


@attempt("EPERM", "system_calls", *RIGHTS)
def another_root(_facts):
    return os.chroot("/tmp")


@attempt("EPERM", "system_calls")
def memory_where_it_can_be_guessed(_facts):
    before = call("personality", 0xFFFFFFFF)
    call("personality", before | ADDR_NO_RANDOMIZE)
    return call("personality", before)


@attempt("EPERM", "system_calls")
def type_into_a_terminal(_facts):
    try:
        return fcntl.ioctl(0, TIOCSTI, b"x")
    except OSError as error:
        if error.errno == 1:
            raise
        return error.errno


@attempt("EPERM", "system_calls", "ipc_namespace")
def memory_of_another_process(facts):
    return call("shmget", facts["shared_memory_key"], 0, 0)


@attempt("EPERM", "system_calls")
def memory_that_outlives_it(_facts):
    segment = call("shmget", 0, 4096, CREATE_KEY | 0o600)
    call("shmctl", segment, 0, None)
    return segment
