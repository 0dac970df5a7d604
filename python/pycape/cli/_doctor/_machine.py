"""This machine, as the checks look at it."""

from __future__ import annotations

import ctypes
import grp
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# landlock(7): landlock_create_ruleset, the same number on every architecture that Cape runs on.
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_CREATE_RULESET_VERSION = 1

# adjtimex(2): more than a struct timex has, which asks for nothing to be changed when it is zero;
# and the answer that the clock is not synchronised.
_TIMEX_BYTES = 512
_TIME_ERROR = 5

# unshare(2): new namespaces for mounts, control groups, names, IPC, users, processes, network.
_ALL_NAMESPACES = 0x7E02_0000
_UNSHARE_SECONDS = 10

_UNSHARE = f"""
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
sys.exit(ctypes.get_errno() if libc.unshare({_ALL_NAMESPACES}) else 0)
"""


@dataclass(frozen=True)
class Machine:
    """Files of the system, and what its kernel answers. Tests put another one in its place."""

    root: Path = Path("/")
    system: str = sys.platform
    user: int = os.geteuid()

    def text(self, path: str) -> str | None:
        """Return a file's text, None when it cannot be read."""
        try:
            return (self.root / path).read_text("utf-8", "replace").strip()
        except OSError:
            return None

    def number(self, path: str) -> int | None:
        """Return the number in a file, None when there is none."""
        text = self.text(path)
        return int(text) if text is not None and text.isdecimal() else None

    def exists(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""
        return (self.root / path).exists()

    def names(self, path: str) -> list[str]:
        """Return what is in a folder; nothing where there is none."""
        try:
            return sorted(entry.name for entry in (self.root / path).iterdir())
        except OSError:
            return []

    def may_use(self, path: str) -> bool:
        """Tell whether this user may read and write it."""
        return os.access(self.root / path, os.R_OK | os.W_OK)

    def owner(self, path: str) -> tuple[str, int] | None:
        """Return a file's group and its permissions, None where there is none."""
        try:
            found = (self.root / path).stat()
            return grp.getgrgid(found.st_gid).gr_name, stat.S_IMODE(found.st_mode)
        except KeyError:
            return str(found.st_gid), stat.S_IMODE(found.st_mode)
        except OSError:
            return None

    def free_mib(self, path: str) -> int:
        """Return how many MiB are free where a folder is, or would be."""
        wanted = self.root / path
        there = next(each for each in (wanted, *wanted.parents) if each.exists())
        return shutil.disk_usage(there).free >> 20

    def clock_is_kept(self) -> bool:
        """Tell whether something keeps the clock right; `OSError` when the kernel does not say."""
        libc = ctypes.CDLL(None, use_errno=True)
        state: int = libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
        if state < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return state != _TIME_ERROR

    def landlock_version(self) -> int:
        """Return the version of Landlock that the kernel has; `OSError` when it has none."""
        libc = ctypes.CDLL(None, use_errno=True)
        version: int = libc.syscall(
            _LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_CREATE_RULESET_VERSION
        )
        if version < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return version

    def make_namespaces(self) -> None:
        """Let a process make namespaces of every kind; `OSError` says why it could not."""
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _UNSHARE],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_UNSHARE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"no answer in {_UNSHARE_SECONDS} s") from error
        if done.returncode != 0:
            raise OSError(done.returncode, os.strerror(done.returncode))
