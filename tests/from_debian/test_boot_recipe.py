"""What boot tests make images of: what is locked, or what Debian has of it today."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pycape.images import Lock, LockedPackage, read_lock
from pycape.images._lock import write_lock

BOOT_TEST = Path(__file__).parents[2] / "enclave-runtime" / "boot-test"
IMAGE = """
name = "small"
version = "1"

[packages]
lock = "packages.lock"
wanted = ["other", "small"]
"""


class Checkout:
    """An image.toml of two packages, and where boot tests keep what they make."""

    def __init__(self, folder, cache, archive):
        self.image = folder / "image" / "image.toml"
        self.made = folder / "made"
        self.packages = cache / "build" / "packages"
        self.image.parent.mkdir()
        self.made.mkdir()
        self.image.write_text(IMAGE)
        packages = []
        for name in ("other", "small"):
            content = name.encode()
            digest = archive.add(name, "1-1", content)
            packages.append(LockedPackage(name, "1-1", "amd64", digest, len(content)))
        write_lock(self.lock, Lock(("other", "small"), (), tuple(packages)))

    @property
    def lock(self):
        return self.image.parent / "packages.lock"

    def recipe(self):
        program = [sys.executable, BOOT_TEST / "recipe.py", self.image, self.made]
        done = subprocess.run(program, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    def kept(self):
        return {file.read_bytes() for file in self.packages.iterdir() if file.is_file()}


@pytest.fixture
def checkout(tmp_path, cache_folder, archive_of_debian):
    return Checkout(tmp_path, cache_folder, archive_of_debian)


def test_what_is_locked_is_taken_and_fetched_once(checkout, archive_of_debian):
    assert checkout.recipe() == (0, f"{checkout.image}\n", "")
    assert checkout.kept() == {b"other", b"small"}
    archive_of_debian.cut_off()
    assert checkout.recipe() == (0, f"{checkout.image}\n", "")
    assert [*checkout.made.iterdir()] == []


def test_what_the_lists_of_this_machine_lack_is_no_version_that_is_gone(
    checkout, archive_of_debian
):
    archive_of_debian.is_unknown()
    assert checkout.recipe() == (0, f"{checkout.image}\n", "")
    assert checkout.kept() == {b"other", b"small"}


def test_a_package_that_is_gone_is_replaced_and_told(checkout, archive_of_debian):
    before = checkout.lock.read_bytes()
    archive_of_debian.add("small", "1-2", b"newer")
    assert checkout.recipe() == (0, f"{checkout.image}\n", ""), "newer, and not gone"
    shutil.rmtree(checkout.packages)
    archive_of_debian.drop("small", "1-1")
    copy = checkout.made / "image.toml"
    assert checkout.recipe() == (
        0,
        f"{copy}\n",
        "apt has no small 1-1: the newest that it has is 1-2\n"
        "for tests, small 1-2 is taken instead of 1-1;"
        f" to pin it: cape image lock {checkout.image}\n",
    )
    locked = {
        each.name: each.version for each in read_lock(copy.with_name("packages.lock")).packages
    }
    assert locked == {"other": "1-1", "small": "1-2"}
    assert checkout.kept() == {b"other", b"newer"}
    assert checkout.lock.read_bytes() == before
    assert {file.name for file in checkout.image.parent.iterdir()} == {
        "image.toml",
        "packages.lock",
    }


def test_another_file_under_a_locked_version_is_an_error(checkout, archive_of_debian):
    archive_of_debian.add("small", "1-1", b"wrong")
    status, output, said = checkout.recipe()
    assert (status, output) == (1, "")
    assert said.startswith("error: ")
    assert "is not the small 1-1 that is locked: its SHA-256 is " in said


def test_an_archive_that_is_out_of_reach_is_an_error(checkout, archive_of_debian):
    archive_of_debian.drop("small", "1-1")
    archive_of_debian.cut_off()
    assert checkout.recipe() == (
        1,
        "",
        "error: apt-get update: E: Failed to fetch\nhint: the packages come by apt\n",
    )


def test_images_are_made_of_that_recipe_and_of_what_is_to_be_had(tmp_path, stand_in):
    here = tmp_path / "enclave-runtime" / "boot-test"
    for folder in (
        here / "qemu",
        here.parent / "kernel",
        tmp_path / ".venv/bin",
        tmp_path / "target",
    ):
        folder.mkdir(parents=True)
    shutil.copy(BOOT_TEST / "run", here)
    shutil.copy(BOOT_TEST / "settings.toml", here)
    calls = tmp_path / "calls"
    for program in (
        here / "qemu/build",
        here.parent / "kernel/build",
        tmp_path / ".venv/bin/cape",
        tmp_path / ".venv/bin/python",
    ):
        said = f'echo "$0 $@" >> {calls}; cat > /dev/null; echo /of-$(basename "$0")'
        program.write_text(f"#!/bin/sh\n{said}\n")
        program.chmod(0o755)
    built = tmp_path / "target/boot-test"
    for made in (
        "debug/probe",
        "debug/contained",
        "images/contained.tar",
        "images/contained-by-root.tar",
    ):
        (built / made).parent.mkdir(parents=True, exist_ok=True)
        (built / made).touch()
    stand_in("cargo", "exit 0")
    subprocess.run([here / "run", "some::test"], stdin=subprocess.DEVNULL, check=True)
    told = calls.read_text().splitlines()
    for build in ("qemu/build", "kernel/build"):
        assert any(f"{build} --or-newest" in line for line in told), told
    builds = [line for line in told if "cape image build" in line and "--oci" not in line]
    assert builds
    assert all("image build /of-python -o " in line for line in builds), builds
