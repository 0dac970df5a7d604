"""A host that swaps, alters and loses what it stores for the enclave.

A function that runs already is in the enclave: what the host does to its blobs shows when an
enclave loads them, so these tests start another.
"""

import os
import shutil

import pytest

from pycape import errors
from pycape.demo import echo_folder
from pycape.packaging import package

from .conftest import exactly, user
from .processes import restart_enclave
from .tampering import flip


def blobs_of(platform, checksum: str):
    blobs = platform.state.blobs
    return blobs / f"01{checksum}", blobs / f"02{checksum}"


def test_a_swapped_blob(own_platform, tmp_path, folder_of):
    with user(own_platform, tmp_path / "alice", max_retries=8) as alice:
        first = alice.deploy(echo_folder(), name="first")
        second = alice.deploy(folder_of("def cape_handler(i): return b'second'"), name="second")
        for kind in (0, 1):
            blob, other = (
                blobs_of(own_platform, first.checksum)[kind],
                blobs_of(own_platform, second.checksum)[kind],
            )
            kept = blob.read_bytes()
            shutil.copy(other, blob)
            restart_enclave(own_platform)
            with exactly(errors.FunctionCorrupted):
                alice.run(first, None, b"x")
            blob.write_bytes(kept)
        assert alice.run(first, None, b"x") == b"x"


@pytest.mark.parametrize("kind", [0, 1], ids=["bundle", "manifest"])
@pytest.mark.parametrize("harm", ["flipped", "cut", "longer", "empty"])
def test_an_altered_blob(own_platform, tmp_path, kind, harm):
    with user(own_platform, tmp_path / "alice", max_retries=8) as alice:
        ref = alice.deploy(echo_folder(), name="echo")
        blob = blobs_of(own_platform, ref.checksum)[kind]
        content = blob.read_bytes()
        harmed = {
            "flipped": flip(content, len(content) // 2),
            "cut": content[: len(content) // 2],
            "longer": content + b"x",
            "empty": b"",
        }[harm]
        blob.write_bytes(harmed)
        restart_enclave(own_platform)
        with exactly(errors.FunctionCorrupted):
            alice.run(ref, None, b"x")
        blob.write_bytes(content)
        assert alice.run(ref, None, b"x") == b"x"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(0, errors.FunctionCorrupted), (1, errors.NotFound)],
    ids=["bundle", "manifest"],
)
def test_a_missing_blob(own_platform, tmp_path, kind, expected):
    with user(own_platform, tmp_path / "alice", max_retries=8) as alice:
        ref = alice.deploy(echo_folder(), name="echo")
        blobs_of(own_platform, ref.checksum)[kind].unlink()
        restart_enclave(own_platform)
        with exactly(expected):
            alice.run(ref, None, b"x")


def test_blobs_hold_nothing_to_read(own_platform, tmp_path, folder_of):
    """What a bundle holds as it is, because it cannot be compressed, is in no blob."""
    folder = folder_of("def cape_handler(i): return i")
    weights = os.urandom(4096)
    (folder / "weights.bin").write_bytes(weights)
    marker = weights[1000:1064]
    profile = own_platform.profile
    with package(folder, python=profile.python, platform=profile.platform) as bundle:
        assert marker in bundle.path.read_bytes()
    with user(own_platform, tmp_path / "alice") as alice:
        ref = alice.deploy(folder, name="marked")
        manifest = alice.manifest(ref).text.encode()
    blobs = [blob.read_bytes() for blob in blobs_of(own_platform, ref.checksum)]
    assert len(blobs[0]) > len(weights)
    assert len(blobs[1]) > len(manifest)
    for secret in (marker, manifest[:64], manifest[-64:]):
        assert not any(secret in blob for blob in blobs)
