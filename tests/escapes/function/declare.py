"""How an attempt is declared: what refuses it, and without which layers it succeeds."""

import ctypes
import errno
import os

ATTEMPTS = {}

_libc = ctypes.CDLL(None, use_errno=True)


def attempt(refused, *layers):
    """Declare a way out; it returns what it gained, or raises.

    Args:
        refused: Names of errors, one of which it ends with: of errno, or of pycape.errors.
        layers: The layers that stand in its way. Without them it succeeds.
    """

    def declare(function):
        name = f"{function.__module__}.{function.__name__}"
        ATTEMPTS[name] = function
        function.refused = refused.split()
        function.layers = frozenset(layers)
        return function

    return declare


def call(name, *arguments):
    """Call a function of the C library; `OSError` when it says that it failed."""
    ctypes.set_errno(0)
    result = getattr(_libc, name)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def system_call(number, *arguments):
    """Make a system call whose arguments the kernel itself refuses, should it come to see them.

    Raises `OSError` when something before it refuses the call.
    """
    try:
        return call("syscall", number, *arguments)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.ENOSYS):
            raise
        return error.errno
