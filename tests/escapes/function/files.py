"""Ways to files that are not the function's."""

import fcntl
import glob
import mmap
import os
import shutil
import signal
import stat
import subprocess
import tempfile

from declare import attempt

# Its root has none of the machine's files; what could be reached all the same is refused by the
# rules of Landlock and by being nobody's user.
ROOT = ("private_root", "landlock", "own_user")
RIGHTS = ("no_capabilities", "user_namespace")


@attempt("ENOENT", *ROOT)
def passwords_of_the_machine(_facts):
    with open("/etc/shadow") as file:
        return file.read()


@attempt("ENOENT", *ROOT)
def passwords_by_way_of_the_bundle(_facts):
    with open(os.path.join(os.getcwd(), "../../../../../../../etc/shadow")) as file:
        return file.read()


@attempt("ENOENT", *ROOT)
def passwords_by_a_symbolic_link(_facts):
    link = os.path.join(tempfile.mkdtemp(), "link")
    os.symlink("/etc/shadow", link)
    with open(link) as file:
        return file.read()


@attempt("EXDEV", *ROOT)
def a_hard_link_to_the_library(_facts):
    folder = tempfile.mkdtemp(dir=os.path.dirname(os.__file__) if os.getuid() == 0 else None)
    try:
        os.link(os.__file__, os.path.join(folder, "link"))
        return os.listdir(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@attempt("ENOENT", *ROOT)
def a_file_of_the_operator(facts):
    with open(facts["secret_file"]) as file:
        return file.read()


@attempt("ENOENT", *ROOT)
def the_secret_of_the_vault(facts):
    with open(facts["vault_key"], "rb") as file:
        return len(file.read())


@attempt("ENOENT", *ROOT)
def the_folder_of_other_functions(_facts):
    found = glob.glob("/tmp/cape-enclave-*/*")
    if not found:
        raise FileNotFoundError(2, "there is no such folder")
    return found


@attempt("ENOENT", *ROOT)
def the_list_of_what_is_installed(_facts):
    return os.listdir("/var/lib")


@attempt("ENOENT", *ROOT)
def a_program_of_the_machine(_facts):
    return subprocess.run(["/bin/cat", "/etc/hostname"], capture_output=True, check=True).stdout


@attempt("ENOENT", *ROOT)
def packages_of_the_machine(_facts):
    beside = os.path.join(os.path.dirname(os.__file__), "site-packages", "pip")
    return os.listdir(beside)


@attempt("EROFS EACCES", *ROOT)
def change_the_standard_library(_facts):
    with open(os.__file__, "a"):
        return "opened for writing"


@attempt("EROFS EACCES", *ROOT, *RIGHTS)
def change_its_own_code(_facts):
    with open(__file__, "a"):
        return "opened for writing"


@attempt("EROFS EACCES", *ROOT)
def change_what_is_compiled(_facts):
    folder = os.path.dirname(__import__("sys").pycache_prefix + os.__file__)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "os.cpython-new.pyc"), "w"):
        return "written"


@attempt("EROFS EACCES", *ROOT)
def a_new_file_in_the_root(_facts):
    path = f"/cape-escape-{os.getpid()}"
    with open(path, "x"):
        os.unlink(path)
        return path


@attempt("EROFS EACCES", *ROOT)
def a_library_that_all_load(_facts):
    path = f"/etc/cape-escape-{os.getpid()}"
    with open(path, "x"):
        os.unlink(path)
        return path


@attempt("ENOENT", *ROOT)
def its_own_memory_as_a_file(_facts):
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        target = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE)
        target[:4] = b"aaaa"
        maps = open("/proc/self/maps").read()
        return memory.fileno(), len(maps)


@attempt("ENOENT", *ROOT, *RIGHTS)
def the_environment_of_another_process(facts):
    with open(f"/proc/{facts['decoy']}/environ") as file:
        return file.read()


@attempt("ENOENT", "empty_environment", *ROOT)
def the_runtimes_environment(_facts):
    with open("/proc/self/environ") as file:
        found = file.read()
    if not found:
        raise FileNotFoundError(2, "there is none")
    return found


@attempt("EPERM", "system_calls")
def hear_of_it_when_others_read(_facts):
    heard = []
    before = signal.signal(signal.SIGIO, lambda *_: heard.append(True))
    shared = os.path.dirname(os.__file__)
    folder = os.open(shared, os.O_RDONLY)
    try:
        fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_ACCESS)
        with open(os.path.join(shared, "this.py"), "rb") as file:
            file.read()
        return heard
    finally:
        os.close(folder)
        signal.signal(signal.SIGIO, before)


@attempt("ENOENT", *ROOT)
def the_kernels_settings(_facts):
    with open("/proc/sys/kernel/core_pattern") as file:
        return file.read()


@attempt("ENOENT", *ROOT)
def the_devices_of_the_machine(_facts):
    return os.listdir("/sys/class/net")


@attempt("ENOENT", *ROOT, *RIGHTS)
def the_kernels_messages(_facts):
    return os.close(os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK))


@attempt("ENOENT", *ROOT)
def memory_that_all_share(_facts):
    return os.listdir("/dev/shm")


@attempt("EPERM", "system_calls", "landlock", "own_user", *RIGHTS)
def a_device_of_its_own(_facts):
    path = os.path.join(tempfile.mkdtemp(), "memory")
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 1))
    return path
