"""Who runs a function: what takes frames and gives frames, a process or a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pycape import _core, errors
from pycape.testing._shim import shim

# What the local platform allows a function for its import, in seconds.
LOAD_SECONDS = 60.0

_MIB = 2**20


class Worker(Protocol):
    """Runs a function, one call after the other."""

    @property
    def is_running(self) -> bool:
        """Whether it can take another call."""

    def send(self, kind: int, payload: bytes) -> None:
        """Send a frame; nothing comes of it when the worker is gone."""

    def receive(self, seconds: float | None) -> tuple[int, bytes]:
        """Wait for a frame; `TimeoutError` when none comes in time, `EOFError` at the end."""

    def kill(self) -> None:
        """Have `receive` raise `EOFError` soon; for another thread than the one that uses it."""

    def end(self) -> None:
        """End it, and what it runs."""

    def crash(self) -> errors.FunctionCrashed:
        """Say how it ended, once it has."""


@dataclass(frozen=True)
class Loaded:
    """A worker that has imported a function; `takes_stream` tells what its handler takes."""

    worker: Worker
    takes_stream: bool


def load(worker: Worker, folder: Path, manifest: _core.Manifest, seconds: float) -> Loaded:
    """Have a worker import a function. One that fails is of no use any more.

    Raises:
        FunctionError: it raised, took too long or too much, or ended its process.
    """
    frames = shim()
    memory = str(manifest.memory_mib * _MIB)
    forks = "forks" if manifest.isolation == "call" else ""
    pairs = [text for pair in manifest.env.items() for text in pair]
    try:
        worker.receive(seconds)  # READY
        payload = frames.fields(memory, str(folder), manifest.handler, forks, *pairs)
        worker.send(frames.LOAD, payload)
        kind, payload = worker.receive(seconds)
    except TimeoutError:
        raise errors.FunctionTimeout(
            f"importing the function took longer than {seconds:g} s",
            details={"timeout_s": f"{seconds:g}"},
        ) from None
    except EOFError:
        raise worker.crash() from None
    if kind != frames.DONE:
        raise failure(kind, payload, manifest)
    return Loaded(worker, payload == b"stream")


def failure(kind: int, payload: bytes, manifest: _core.Manifest) -> errors.FunctionError:
    """Return the error that a frame says."""
    frames = shim()
    if kind == frames.OUT_OF_MEMORY:
        limit = manifest.memory_mib
        return errors.FunctionOutOfMemory(
            f"the function needed more than its {limit} MiB of memory",
            details={"memory_mib": str(limit)},
        )
    name, message, traceback = frames.from_fields(payload)
    return errors.FunctionError(message, details={"type": name, "traceback": traceback})
