"""A host that swaps, alters and loses what it stores for the enclave.

A function that runs already is in the enclave: what the host does to its blobs shows when an
enclave loads them, so these tests start another.
"""

import os
from pathlib import Path

import pytest

from pycape import FunctionRef, errors
from pycape.demo import echo_folder
from pycape.packaging import package

from .conftest import exactly, user
from .processes import restart_enclave
from .tampering import flip

BUNDLE, MANIFEST = 1, 2

# What the host puts in the place of a blob, made of what was there and of another function's.
HARMS = {
    "flipped": lambda own, _other: flip(own, len(own) // 2),
    "cut": lambda own, _other: own[: len(own) // 2],
    "longer": lambda own, _other: own + b"x",
    "empty": lambda _own, _other: b"",
    "swapped": lambda _own, other: other,
}


def blob_of(platform, function: FunctionRef, kind: int) -> Path:
    return platform.state.blobs / f"{kind:02x}{function.checksum}"


@pytest.mark.parametrize("kind", [BUNDLE, MANIFEST], ids=["bundle", "manifest"])
def test_a_swapped_or_altered_blob(own_platform, tmp_path, kind):
    """One function for each harm; each runs again when its blob is put back."""
    with user(own_platform, tmp_path / "alice", max_retries=8) as alice:
        other = blob_of(own_platform, alice.deploy(echo_folder(), name="other"), kind).read_bytes()
        kept = {}
        for name, harm in HARMS.items():
            function = alice.deploy(echo_folder(), name=name)
            blob = blob_of(own_platform, function, kind)
            kept[function] = blob.read_bytes()
            blob.write_bytes(harm(kept[function], other))
        restart_enclave(own_platform)
        for function, content in kept.items():
            with exactly(errors.FunctionCorrupted):
                alice.run(function, None, b"x")
            blob_of(own_platform, function, kind).write_bytes(content)
            assert alice.run(function, None, b"x") == b"x"


def test_a_missing_blob(own_platform, tmp_path):
    with user(own_platform, tmp_path / "alice", max_retries=8) as alice:
        without = {kind: alice.deploy(echo_folder(), name=f"without-{kind}") for kind in (1, 2)}
        for kind, function in without.items():
            blob_of(own_platform, function, kind).unlink()
        restart_enclave(own_platform)
        with exactly(errors.FunctionCorrupted):
            alice.run(without[BUNDLE], None, b"x")
        with exactly(errors.NotFound):
            alice.run(without[MANIFEST], None, b"x")


def test_blobs_hold_nothing_to_read(platform, tmp_path, folder_of):
    """What a bundle holds as it is, because it cannot be compressed, is in no blob."""
    folder = folder_of("def cape_handler(i): return i")
    weights = os.urandom(4096)
    (folder / "weights.bin").write_bytes(weights)
    marker = weights[1000:1064]
    profile = platform.profile
    with package(folder, python=profile.python, platform=profile.platform) as bundle:
        assert marker in bundle.path.read_bytes()
    with user(platform, tmp_path / "alice") as alice:
        ref = alice.deploy(folder, name="marked")
        manifest = alice.manifest(ref).text.encode()
    blobs = [blob_of(platform, ref, kind).read_bytes() for kind in (BUNDLE, MANIFEST)]
    assert len(blobs[0]) > len(weights)
    assert len(blobs[1]) > len(manifest)
    for secret in (marker, manifest[:64], manifest[-64:]):
        assert not any(secret in blob for blob in blobs)
