"""Ways to take what others need."""

import ctypes
import mmap
import os
import tempfile
import threading
import time

from declare import attempt, call

MEBIBYTE = 1 << 20
LARGE_PAGE = 2 * MEBIBYTE
MAP_NORESERVE, MADV_NOHUGEPAGE = 0x4000, 15


def fill(size):
    """Write a file of that size; the room is given back."""
    with tempfile.TemporaryFile() as file:
        for _ in range(size // MEBIBYTE):
            file.write(bytes(MEBIBYTE))
        file.flush()
        return size


@attempt("EFBIG ENOSPC", "private_root", "landlock", "own_user", "resource_limits")
def a_file_without_end(facts):
    return fill(facts["scratch_bytes"] + 2 * MEBIBYTE)


@attempt("ENOSPC", "private_root", "landlock", "own_user")
def many_files(facts):
    with tempfile.TemporaryFile() as first:
        for _ in range(facts["scratch_bytes"] // MEBIBYTE - 2):
            first.write(bytes(MEBIBYTE))
        first.flush()
        return fill(8 * MEBIBYTE)


@attempt("EAGAIN", "resource_limits")
def many_processes(facts):
    children = []
    try:
        for _ in range(facts["processes"] + 20):
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
        return len(children)
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)


@attempt("EAGAIN", "resource_limits")
def many_threads(facts):
    done = threading.Event()
    threads = [threading.Thread(target=done.wait) for _ in range(facts["processes"] + 20)]
    try:
        for thread in threads:
            thread.start()
        return len(threads)
    except RuntimeError as error:
        raise BlockingIOError(11, str(error)) from error
    finally:
        done.set()


@attempt("EMFILE", "resource_limits")
def many_descriptors(_facts):
    opened = []
    try:
        for _ in range(1500):
            opened.append(os.open("/dev/null", os.O_RDONLY))
        return len(opened)
    finally:
        for descriptor in opened:
            os.close(descriptor)


@attempt("ENOMEM EPERM", "resource_limits")
def memory_that_stays_where_it_is(_facts):
    memory = mmap.mmap(-1, MEBIBYTE, mmap.MAP_PRIVATE)
    start = (ctypes.c_char * MEBIBYTE).from_buffer(memory)
    return call("mlock", start, MEBIBYTE)


@attempt("FunctionOutOfMemory", "resource_limits", "memory_watch")
def much_memory(facts):
    return len(b"x" * (facts["memory_bytes"] + 64 * MEBIBYTE))


@attempt("FunctionOutOfMemory", "memory_watch")
def memory_of_many_processes(facts):
    return hold_in_children(facts["memory_bytes"] * 3 // 8, 4)


@attempt("EPERM", "system_calls")
def memory_that_processes_share(facts):
    return hold_unmapped(mmap.mmap(-1, facts["memory_bytes"] * 3 // 2))


@attempt("ENOENT", "private_root", "landlock", "own_user")
def memory_that_a_device_gives(facts):
    with open("/dev/zero", "r+b", buffering=0) as device:
        return hold_unmapped(mmap.mmap(device.fileno(), facts["memory_bytes"] * 3 // 2))


def hold_unmapped(memory):
    """Have memory without any page of it being mapped; how much is there a while later."""
    for start in range(0, len(memory), MEBIBYTE):
        memory[start : start + MEBIBYTE] = b"x" * MEBIBYTE
        memory.madvise(mmap.MADV_DONTNEED, start, MEBIBYTE)
    time.sleep(1)
    return sum(memory[start] == ord("x") for start in range(0, len(memory), MEBIBYTE))


@attempt("FunctionOutOfMemory", "memory_watch")
def memory_that_says_where_memory_is(facts):
    """A table of a page for each 2 MiB that are read somewhere, in which nothing else is."""
    tables = facts["memory_bytes"] * 3 // 2 // 4096
    reserved = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
    memory = mmap.mmap(-1, tables * LARGE_PAGE, reserved, mmap.PROT_READ)
    memory.madvise(MADV_NOHUGEPAGE)
    empty = sum(memory[start] == 0 for start in range(0, len(memory), LARGE_PAGE))
    time.sleep(2)
    return empty


def hold_in_children(size, count):
    """Let children have `size` bytes each for a while; what they had together."""
    children = []
    for _ in range(count):
        child = os.fork()
        if child == 0:
            held = b"x" * size
            time.sleep(2)
            os._exit(held == b"")
        children.append(child)
    for child in children:
        _, status = os.waitpid(child, 0)
        if status:
            raise MemoryError
    return size * count
