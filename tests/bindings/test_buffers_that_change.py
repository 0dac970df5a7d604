"""Buffers that somebody writes to while the core reads them: what is judged is what is used."""

import hashlib
import json
import mmap
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.attestation.forge import NOW
from tests.attestation.vectors import chain, document

from pycape import attestation, envelope, errors, policy, receipts
from pycape.keys import PrivateKey

RECEIPT = json.loads(
    (Path(__file__).parents[1] / "vectors" / "receipts" / "good.json").read_bytes()
)
#: Of each race so many rounds at least; without copies one of ten was lost, or of a hundred.
ROUNDS = 1000
CHUNK, TAG, PREFIX = 16_384, 16, 56
SIGNED = document.PCRS[0]
PINNED = b"\xaa" * 48
JUDGED_BY = {
    "nonce": document.NONCE,
    "trust_roots": attestation.TrustRoots([chain.ROOT]),
    "now": NOW,
    "cache": attestation.ChainCache(),
}


@contextmanager
def changing(buffer, place: int, *values: bytes):
    """Write the values to a place in turn, until the block ends."""
    stopped = threading.Event()
    length = len(values[0])

    def write() -> None:
        view = memoryview(buffer)
        while not stopped.is_set():
            for value in values:
                view[place : place + length] = value
                time.sleep(2e-5)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stopped.set()
        writer.join()
        sys.setswitchinterval(interval)


def rounds(seen: set, wanted: set):
    """Yield so many times, and on until what is wanted was seen: machines may be busy."""
    for number in range(100 * ROUNDS):
        if number >= ROUNDS:
            if seen >= wanted:
                return
            time.sleep(1e-4)
        yield


def test_no_document_is_verified_with_measurements_that_nobody_signed():
    signed = document.document()
    buffer = bytearray(signed)
    pinned = policy.Policy([policy.Release({0: PINNED})])
    refusals, both_ways = set(), {errors.PcrMismatch, errors.SignatureInvalid}
    with changing(buffer, signed.index(SIGNED), SIGNED, PINNED):
        for _ in rounds(refusals, both_ways):
            with pytest.raises(errors.AttestationError) as raised:
                attestation.verify(buffer, policy=pinned, **JUDGED_BY)
            refusals.add(raised.type)
    assert refusals == both_ways


def test_what_a_document_says_is_what_was_verified():
    signed = document.document()
    buffer = bytearray(signed)
    approved = policy.Policy([policy.Release({0: SIGNED})])
    place = signed.index(b"i-0123456789abcdef0")
    outcomes = set()
    with changing(buffer, place, b"i-", b"\xff\xfe"):
        for _ in rounds(outcomes, {None}):
            try:
                verified = attestation.verify(buffer, policy=approved, **JUDGED_BY)
            except errors.CapeError as error:
                outcomes.add(type(error))
                continue
            outcomes.add(None)
            assert verified.module_id.startswith("i-0123456789abcdef0")
            assert verified.document_sha384 == hashlib.sha384(signed).hexdigest()
    assert None in outcomes


def test_no_receipt_is_verified_for_a_function_that_it_does_not_name():
    file = bytes.fromhex(RECEIPT["file"])
    pcrs = {int(index): value for index, value in RECEIPT["pcrs"].items()}
    approved = policy.Policy([policy.Release(pcrs, vault=RECEIPT["vault"])])
    roots = attestation.TrustRoots([bytes.fromhex(RECEIPT["trust_root"])])
    now = datetime.fromtimestamp(RECEIPT["now_ms"] / 1000, UTC)
    judged_by = {"policy": approved, "trust_roots": roots, "now": now}
    named = bytes.fromhex(receipts.verify(file, **judged_by).checksum)
    other = b"\xee" * 32
    buffer = bytearray(file)
    refusals, both_ways = set(), {"function", "signature"}
    with changing(buffer, file.index(named), named, other):
        for _ in rounds(refusals, both_ways):
            with pytest.raises(errors.AttestationError) as raised:
                receipts.verify(buffer, **judged_by, checksum=other.hex())
            refusals.add(raised.value.reason)
    assert refusals == both_ways


OPENER = """
import mmap, sys
from pycape import envelope, errors, keys
path, key, rounds = sys.argv[1], keys.PrivateKey.from_text(sys.argv[2]), int(sys.argv[3])
opened = 0
with open(path, "rb") as file:
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
for _ in range(rounds):
    try:
        assert not any(envelope.open(mapped, key)), "a bit came out that was not sealed"
    except errors.DecryptFailed:
        continue
    opened += 1
assert opened
"""


def test_no_plaintext_that_was_not_sealed_comes_out_of_a_mapped_file(tmp_path):
    key, path = PrivateKey.generate("x25519"), tmp_path / "envelope"
    sealed = bytearray(envelope.sealed_size(2 * CHUNK, [key.public_key]))
    envelope.seal_into(bytes(2 * CHUNK), [key.public_key], sealed)
    path.write_bytes(sealed)
    start = envelope.inspect(sealed).header_size + PREFIX
    places = [start + chunk * (CHUNK + TAG) + at for chunk in (0, 1) for at in (3000, 8000, 12_000)]
    flips = [(place, sealed[place] ^ 1, sealed[place]) for place in places]
    # AWS-LC reads a ciphertext once with AVX-512, and twice without.
    environment = os.environ | {"OPENSSL_ia32cap": "~0x0:~0xffffffff"}
    opening = [sys.executable, "-c", OPENER, path, key.to_text(), str(4 * ROUNDS)]
    with (
        path.open("r+b") as file,
        mmap.mmap(file.fileno(), 0) as mapped,
        subprocess.Popen(opening, stderr=subprocess.PIPE, env=environment) as opener,
    ):
        while opener.poll() is None:
            for _ in range(1000):
                for place, altered, byte in flips:
                    mapped[place] = altered
                    mapped[place] = byte
        assert opener.returncode == 0, opener.stderr.read().decode()
