"""Files from one into another, beside `cp` on the same file system; and the memory that takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pycape import Cape, keys

from . import rows
from .harness import Contender, Sample, UnavailableError, race
from .report import Comparison, Measurement
from .targets import AtMost, SpeedAtLeast
from .workshop import Workshop

_GIB = 1 << 30
_LIMIT = 32 << 20

# The memory of a process that does both, beyond what it has when it begins.
_PEAK = """
import re, sys
from pathlib import Path
from pycape import Cape, keys

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])

folder, key_file = Path(sys.argv[1]), sys.argv[2]
key, cape = keys.load_private_key(key_file), Cape(config_dir=folder)
before = peak()
cape.encrypt_file(folder / "plain", folder / "sealed", key=key.public_key)
encrypted = peak()
cape.decrypt_file(folder / "sealed", folder / "opened", key)
print(encrypted - before, peak() - before)
"""


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Encrypt and decrypt 4 GiB, or 256 MiB when time is short."""
    size = _GIB // 4 if workshop.quick else 4 * _GIB
    shown = "256 MiB" if workshop.quick else "4 GiB"
    folder = workshop.folder / "files"
    folder.mkdir()
    key = keys.PrivateKey.generate()
    keys.save_private_key(key, folder / "me.key")
    cape = Cape(config_dir=folder)
    plain, sealed, output = (folder / name for name in ("plain", "sealed", "output"))
    _fill(plain, size)
    yield _beside_cp(
        rows.FILE.format(verb="encrypt", size=shown),
        plain,
        output,
        lambda: cape.encrypt_file(plain, output, key=key.public_key),
        workshop.seconds(20),
    )
    cape.encrypt_file(plain, sealed, key=key.public_key)
    plain.unlink()
    yield _beside_cp(
        rows.FILE.format(verb="decrypt", size=shown),
        sealed,
        output,
        lambda: cape.decrypt_file(sealed, output, key),
        workshop.seconds(20),
    )
    sealed.rename(plain)
    for verb, peak in zip(("encrypt", "decrypt"), _peaks(folder), strict=True):
        limit = Comparison("the limit", None, AtMost(_LIMIT, "bytes"))
        name = rows.FILE_MEMORY.format(verb=verb, size=shown)
        yield Measurement(name, Sample([peak]), (limit,), "bytes")
    for path in folder.iterdir():
        path.unlink()


def _fill(path: Path, size: int) -> None:
    block = os.urandom(1 << 24)
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)


def _beside_cp(
    name: str, source: Path, output: Path, work: Callable[[], object], seconds: float
) -> Measurement:
    """Race `work` against `cp` from the same file, into the same place.

    Nothing else is cached meanwhile, so that each finds the memory that the other gave back: a
    virtual machine's host may take it, and getting it anew costs more than all that is measured.
    """
    samples = race(
        [
            _writing("cp", output, lambda: _copy(source, output)),
            _writing("ours", output, work),
        ],
        seconds,
    )
    beside = Comparison("cp, the same file system", samples.get("cp"), SpeedAtLeast(0.8))
    return Measurement(name, samples["ours"], (beside,), "bytes a second", source.stat().st_size)


def _writing(name: str, output: Path, work: Callable[[], object]) -> Contender:
    """Time what writes a new file, while nothing that was written before waits for the disk."""

    def lap() -> float:
        os.sync()
        start = time.perf_counter()
        work()
        taken = time.perf_counter() - start
        output.unlink()
        return taken

    return Contender(name, lambda laps: [lap() for _ in range(laps)])


def _copy(source: Path, destination: Path) -> None:
    try:
        subprocess.run(["cp", source, destination], check=True)
    except FileNotFoundError as error:
        raise UnavailableError("there is no cp") from error


def _peaks(folder: Path) -> list[float]:
    command = [sys.executable, "-c", _PEAK, str(folder), str(folder / "me.key")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(peak) for peak in run.stdout.split()]
