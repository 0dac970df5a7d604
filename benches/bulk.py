"""Much at once: a large input of a function, and a large bundle on its way to an enclave."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

from pycape import Cape
from pycape.demo import echo_folder

from . import rows
from .children import Child, Platform
from .connections import MESSAGE, connected, counted
from .costs import Plain, cost_of
from .harness import Contender, Sample, race
from .report import Comparison, Measurement
from .targets import AtMost, SpeedAtLeast
from .workshop import Workshop

_MIB = 1 << 20
_PLAIN = "plain websockets"

_COUNTS = """
from typing import BinaryIO

def cape_handler(stream: BinaryIO) -> bytes:
    size = 0
    while piece := stream.read1():
        size += len(piece)
    return str(size).encode()
"""


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """256 MiB as an input, then as a bundle; less when time is short."""
    mib = 32 if workshop.quick else 256
    yield _input(workshop, mib)
    yield from _deployments(workshop, mib)


def _input(workshop: Workshop, mib: int) -> Measurement:
    """Both clients send the same messages, and wait for what the other side counted."""
    folder = _folder(workshop.folder / "bulk" / "counts", _COUNTS)
    (folder / "cape.toml").write_text("timeout_s = 300\n")
    piece, size = os.urandom(MESSAGE), mib * _MIB
    with Cape(config_dir=workshop.platform.config_folder) as cape:
        counts = cape.deploy(folder, name="counts")
        with (
            cape.function_context(counts, None) as function,
            connected(workshop.counting.url) as plain,
        ):

            def ours() -> None:
                if int(function.invoke(repeat(piece, size // MESSAGE))) != size:
                    raise RuntimeError("the function counted other bytes than were sent")

            def theirs() -> None:
                counted(plain, repeat(piece, size // MESSAGE))

            contenders = [Contender.of("ours", ours), Contender.of(_PLAIN, theirs)]
            samples = race(contenders, workshop.seconds(25))
            cost = cost_of(workshop.platform, ours, 3, plain=Plain(theirs, workshop.counting))
    beside = Comparison(_PLAIN, samples[_PLAIN], SpeedAtLeast(0.5))
    name = rows.BULK.format(size=f"{mib} MiB")
    return Measurement(name, samples["ours"], (beside,), "bytes a second", size, cost)


def _deployments(workshop: Workshop, mib: int) -> Iterator[Measurement]:
    """Deploy what does not compress and send the same file, by turns, a process for each lap.

    The whole deployment counts, packing as well. Its enclave has one small function before.
    """
    home = workshop.folder / "bulk" / "home"
    folder = _folder(workshop.folder / "bulk" / "large", "def cape_handler(data): return data\n")
    weights = folder / "weights.bin"
    with weights.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(_MIB))
    platform = Platform(home)
    config = platform.config_folder
    try:
        with Cape(config_dir=config) as cape:  # which makes the account, once
            cape.deploy(echo_folder(), name="echo")
        idle = platform.enclave_memory()
        ours, packing, plain = [], [], []
        for number in range(1 if workshop.quick else 5):
            (folder / "number").write_text(str(number))
            ours.append(_upload("deploy", config, folder, f"large-{number}"))
            packing.append(_upload("pack", config, folder))
            plain.append(_upload("plain", workshop.counting.url, weights))
        above_idle = platform.enclave_peak() - idle
    finally:
        platform.end()
        shutil.rmtree(home)
        shutil.rmtree(folder)
    seconds = Sample([lap["seconds"] for lap in plain])
    size = f"{mib} MiB"
    yield Measurement(
        rows.DEPLOY.format(size=size),
        Sample([lap["seconds"] for lap in ours]),
        (Comparison(f"{_PLAIN}, upload", seconds, SpeedAtLeast(0.4)),),
        "bytes a second",
        mib * _MIB,
    )
    yield Measurement(
        "  of this packing the folder",
        Sample([lap["seconds"] for lap in packing]),
        unit="bytes a second",
        size=mib * _MIB,
    )
    yield Measurement(
        rows.DEPLOY_CLIENT.format(size=size),
        Sample([lap["memory"] for lap in ours]),
        (Comparison("the limit", None, AtMost(64 * _MIB, "bytes")),),
        "bytes",
    )
    yield Measurement(
        rows.DEPLOY_ENCLAVE.format(size=size),
        Sample([above_idle]),
        (Comparison("the limit", None, AtMost(96 * _MIB, "bytes")),),
        "bytes",
    )


def _upload(*arguments: str | Path) -> dict[str, float]:
    child = Child([sys.executable, "-m", "benches.upload", *arguments])
    try:
        return dict(child.receive())
    finally:
        child.end()


def _folder(folder: Path, code: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(code)
    return folder
