"""The command that builds QEMU, from the source to the program; tools are stand-ins."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from from_debian import lock, qemu

RUNTIME = Path(__file__).parents[2] / "enclave-runtime"
SOURCE = {
    "configure": '#!/bin/sh\nprintf "%s\\n" "$@" > arguments\n',
    "configs/devices/x86_64-softmmu/default.mak": "",
    "pc-bios/meson.build": "fds = [ 'edk2-x86_64-code.fd', 'edk2-arm-vars.fd', ]\n",
}
NINJA = """
cd ../source/pc-bios && ls edk2-arm-vars.fd.bz2 edk2-x86_64-code.fd.bz2 && cd - || exit
{ echo '#!/bin/sh'; echo 'echo "MACHINE  AWS Nitro Enclave"'; } > qemu-system-x86_64
{ echo "cat <<E"; cat arguments ../source/configs/*/*/nitro.mak; echo E; } >> qemu-system-x86_64
chmod +x qemu-system-x86_64
"""


@pytest.fixture
def build(tmp_path, stand_in):
    """A copy of what builds QEMU, of a small source."""
    home = tmp_path / "enclave-runtime" / "boot-test" / "qemu"
    shutil.copytree(RUNTIME / "from_debian", tmp_path / "enclave-runtime" / "from_debian")
    shutil.copytree(RUNTIME / "boot-test" / "qemu", home)
    (home / "requirements.txt").write_text("# Nothing.\n")
    files = {"source": source(tmp_path), "firmware": tmp_path / "firmware.deb"}
    files["firmware"].write_bytes(b"firmware")
    packages = {}
    for use, file in files.items():
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        packages[use] = lock.Package("Debian", "trixie", use, "1-1", "source", len(content), digest)
    lock.write(home / "source.toml", packages)
    stand_in("dpkg-query", 'shift 3; for name; do echo "installed $name ${VERSION:-1}"; done')
    stand_in(
        "dpkg-deb",
        'mkdir -p "$3/usr/share/qemu"; cd "$3/usr/share/qemu";'
        " for name in kvmvapic.bin linuxboot_dma.bin qboot.rom vgabios.bin; do echo > $name; done",
    )
    stand_in("strip", 'cp "$3" "$2"')
    stand_in("ninja", NINJA.replace("MACHINE", "nitro-enclave"))

    def run(*arguments, given=("source", "firmware")):
        given = [option for use in given for option in ("--file", files[use])]
        done = subprocess.run(
            [home / "build", *given, *arguments],
            env={**os.environ, "CAPE_CACHE_DIR": str(tmp_path / "cache"), "PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def source(folder):
    packed = folder / "source.tar"
    with tarfile.open(packed, "w") as archive:
        for name, content in SOURCE.items():
            file = folder / "qemu-10" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
            file.chmod(0o755)
        archive.add(folder / "qemu-10", "qemu-10")
    return packed


def test_the_program_is_made_once_with_its_firmware_beside_it(build):
    status, output, said = build()
    assert status == 0, said
    program = Path(output.removesuffix("\n"))
    result = program.parents[1]
    assert {
        file.relative_to(result).as_posix() for file in result.rglob("*") if file.is_file()
    } == {
        "bin/qemu-system-x86_64",
        "share/qemu/kvmvapic.bin",
        "share/qemu/linuxboot_dma.bin",
        "share/qemu/qboot.rom",
    }
    told = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert "--without-default-devices\n--with-devices-x86_64=nitro\n" in told
    assert "CONFIG_NITRO_ENCLAVE=y\n" in told
    assert build() == (0, output, "")


def test_with_other_packages_another_is_built():
    def key(**versions):
        return qemu.Build(lock.read(qemu.LOCK, *qemu.USES), versions, 1).key()

    assert key(gcc="1") == key(gcc="1") != key(gcc="2")


def test_a_program_without_the_machine_is_none(build, stand_in):
    stand_in("ninja", NINJA.replace("MACHINE", "microvm"))
    status, output, said = build()
    assert (status, output) == (1, "")
    assert said.endswith("error: qemu-system-x86_64 came out without the machine nitro-enclave\n")


def test_tests_go_on_with_the_newest_of_all_where_one_is_gone(build, archive_of_debian, tmp_path):
    archive_of_debian.add("source", "1-1", (tmp_path / "source.tar").read_bytes())
    archive_of_debian.add("source", "2-1", (tmp_path / "source.tar").read_bytes() + b"\0")
    archive_of_debian.add("firmware", "2-1", b"newer firmware")
    status, output, said = build(given=())
    assert (status, output) == (1, "")
    assert "error: trixie has no firmware 1-1: the newest there is 2-1\n" in said
    status, output, said = build("--or-newest", given=())
    assert status == 0, said
    for use in ("source", "firmware"):
        assert (
            f"{use} 1-1 is gone from trixie: for tests, 2-1 is taken; qemu/build --raise pins it"
            in said
        )
    assert build(given=("source", "firmware"))[1] != output
