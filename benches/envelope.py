"""Sealing and opening, beside packages that do comparable things, and beside the bare cipher."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pycape import Cape, envelope
from pycape.keys import PrivateKey

from . import rows
from .harness import Contender, race
from .report import Comparison, Measurement
from .targets import SpeedAtLeast, Target, TimeAtMost
from .units import Unit
from .workshop import Workshop

_SHORT, _KIB, _MIB = 32, 1 << 10, 1 << 20
_LONG = 64 * _MIB
_SIZES = (_SHORT, _KIB, 64 * _KIB, _MIB, _LONG)
_OURS = "ours"

# Peers that are shown by another name than that of their work (benches/peers/envelopes.py).
_TITLES = {"AES-256-GCM": "pyca's AES-256-GCM, no envelope", "HPKE": "pyca's HPKE, X-Wing as well"}
_ENVELOPES = ("pyrage", "PyNaCl", "Tink")


def measure(workshop: Workshop) -> Iterator[Measurement]:
    """Seal and open 32 bytes to 64 MiB."""
    key = PrivateKey.generate()
    for size in _SIZES:
        yield from _text(workshop, key, size)
    for size in (_MIB, _LONG):
        yield from _binary(workshop, key, size)


@dataclass(frozen=True)
class _Case:
    verb: str
    size: int
    work: Callable[[], object]
    peers: dict[str, Target | None]

    @property
    def unit(self) -> Unit:
        return "seconds" if self.size <= _KIB else "bytes a second"

    def measure(self, workshop: Workshop) -> Measurement:
        others = [
            workshop.peers.contender(peer, f"{peer} {self.verb}", size=self.size)
            for peer in self.peers
        ]
        seconds = workshop.seconds(12 if self.size == _LONG else 4)
        samples = race([Contender.of(_OURS, self.work), *others], seconds)
        comparisons = tuple(
            Comparison(_TITLES.get(peer, peer), samples.get(peer), target)
            for peer, target in self.peers.items()
        )
        name = rows.TEXT.format(verb=self.verb, size=_shown(self.size))
        return Measurement(name, samples[_OURS], comparisons, self.unit, self.size)


def _text(workshop: Workshop, key: PrivateKey, size: int) -> Iterator[Measurement]:
    """Measure the text form, which `encrypt` makes, for an X-Wing key."""
    data, recipient = os.urandom(size), key.public_key
    cape = Cape(config_dir=workshop.folder / "envelope")
    sealed = cape.encrypt(data, key=recipient)
    decrypt: dict[str, Target | None] = {peer: SpeedAtLeast(1) for peer in _ENVELOPES}
    encrypt = {**decrypt, "pycape 3.1.1": SpeedAtLeast(5 if size == _LONG else 1)}
    if size == _SHORT:
        encrypt["HPKE"] = decrypt["HPKE"] = TimeAtMost(2)
    else:
        encrypt["AES-256-GCM"] = decrypt["AES-256-GCM"] = None
    for case in (
        _Case("encrypt", size, lambda: cape.encrypt(data, key=recipient), encrypt),
        _Case("decrypt", size, lambda: envelope.open(sealed, key), decrypt),
    ):
        yield case.measure(workshop)


def _binary(workshop: Workshop, key: PrivateKey, size: int) -> Iterator[Measurement]:
    """Measure the binary form, into a buffer that is used again."""
    recipients, data = [key.public_key], os.urandom(size)
    buffers = [bytearray(envelope.sealed_size(size, recipients)) for _ in range(2)]

    def seal(buffer: bytearray) -> int:
        return envelope.seal_into(data, recipients, buffer)

    with ThreadPoolExecutor(2) as threads:
        both = Contender.of("both", lambda: list(threads.map(seal, buffers)))
        contenders = [
            Contender.of(_OURS, lambda: seal(buffers[0])),
            Contender("two threads", lambda laps: [lap / 2 for lap in both.run(laps)]),
            workshop.bare.contender("AWS-LC", "aws-lc aes-256-gcm", sizes=[size]),
            workshop.bare.contender("ring", "ring aes-256-gcm", sizes=[size]),
        ]
        samples = race(contenders, workshop.seconds(5))
    target = SpeedAtLeast(0.85) if size == _LONG else None
    comparisons = (
        Comparison("bare AES-256-GCM, 16 KiB, AWS-LC", samples.get("AWS-LC"), target),
        Comparison("bare AES-256-GCM, 16 KiB, ring", samples.get("ring")),
    )
    name = rows.SEAL.format(size=_shown(size))
    yield Measurement(name, samples[_OURS], comparisons, "bytes a second", size)
    one_thread = (Comparison("one thread", samples[_OURS]),)
    yield Measurement(rows.TWO_THREADS, samples["two threads"], one_thread, "bytes a second", size)


def _shown(size: int) -> str:
    for unit, bytes_of_it in (("MiB", _MIB), ("KiB", _KIB)):
        if size >= bytes_of_it:
            return f"{size // bytes_of_it} {unit}"
    return f"{size} B"
