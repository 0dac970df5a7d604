"""Where results are kept: a folder for each, named by all that went into it."""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from .error import say

_WORK = ".work-"


def folder(kind: str) -> Path:
    """Return where results of a kind are kept; it is made if it is not there."""
    above = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    own = os.environ.get("CAPE_CACHE_DIR") or Path(above) / "cape"
    kept = Path(own).resolve() / "build" / kind
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def key(inputs: Mapping[str, str]) -> str:
    """Return the name of what comes of these inputs."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def code(*modules: str) -> str:
    """Return the content of modules of this package, as what a build goes by."""
    return "".join((Path(__file__).parent / f"{name}.py").read_text("utf-8") for name in modules)


def made(kind: str, name: str, make: Callable[[Path, Path], None]) -> Path:
    """Return the folder of that name, which `make` fills if it is not there.

    `make` gets a folder to work in and the one to fill. Whoever asks while another makes waits.
    What an interrupted one left behind is removed by the next.
    """
    kept = folder(kind)
    result = kept / name
    if result.is_dir():
        return result
    with work(kind) as scratch:
        if not result.is_dir():
            filled = scratch / "result"
            filled.mkdir()
            make(scratch, filled)
            filled.rename(result)
    return result


@contextmanager
def work(kind: str) -> Iterator[Path]:
    """A folder to work in, for one at a time."""
    kept = folder(kind)
    with (kept / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another build is at work in {kept}: waiting for its end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in kept.glob(f"{_WORK}*"):
            shutil.rmtree(left)
        scratch = Path(tempfile.mkdtemp(prefix=_WORK, dir=kept))
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch)
