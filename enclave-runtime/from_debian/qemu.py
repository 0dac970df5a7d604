"""enclave-runtime/boot-test/qemu/build: a QEMU that boots enclave images, for tests.

It has the machine nitro-enclave and what that one needs, and no other. Debian 12 has an older QEMU
without it; so it is built from the source of a later Debian, by what Debian 12 has.
"""

import re
import shutil
import sys
import time
from pathlib import Path

from . import archive, cache, commands, options, packages, pinned
from .error import BuildError, run, say
from .lock import Packages

HOME = Path(__file__).parent.parent / "boot-test" / "qemu"
DEVICES = HOME / "nitro.mak"
LOCK = HOME / "source.toml"
REQUIREMENTS = HOME / "requirements.txt"
USES = ("source", "firmware")

PACKAGES = (
    "gcc",
    "libc6-dev",
    "libcbor-dev",
    "libfdt-dev",
    "libglib2.0-dev",
    "libgnutls28-dev",
    "ninja-build",
    "pkg-config",
    "python3-venv",
    "xz-utils",
    "zlib1g-dev",
)
"""What building takes beyond what every Debian has."""

MACHINE = "nitro-enclave"
_PROGRAM = "qemu-system-x86_64"
_FIRMWARE = ("kvmvapic.bin", "linuxboot_dma.bin", "qboot.rom")
_FEATURES = (
    "--without-default-features",
    "--without-default-devices",
    "--with-devices-x86_64=nitro",
    "--target-list=x86_64-softmmu",
    "--enable-fdt=system",
    "--enable-gnutls",
    "--enable-libcbor",
    "--enable-tcg",
    "--enable-vhost-user",
    "--disable-docs",
    "--disable-download",
    "--disable-install-blobs",
)


def main() -> Path:
    """Run the command, and return the path of the program.

    Raises:
        BuildError: there is none, or it lacks the machine.
    """
    arguments = options.parser(
        "Build QEMU for tests, or find it in the cache; print its path."
    ).parse_args()
    versions = packages.require(PACKAGES, install=arguments.install)
    _, built = pinned.made(
        "qemu",
        pinned.packages(LOCK, USES, arguments),
        lambda sources: Build(sources, versions, arguments.jobs),
        or_newest=arguments.or_newest,
    )
    return built / "bin" / _PROGRAM


class Build:
    """A build of QEMU by the tools that are installed here, of which these versions matter."""

    def __init__(self, sources: Packages, versions: dict[str, str], jobs: int) -> None:
        self._firmware = sources["firmware"]
        self._source = sources["source"]
        self._versions = versions
        self._devices = DEVICES.read_text("utf-8")
        self._jobs = jobs
        self._requirements = REQUIREMENTS.read_text("utf-8")

    def key(self) -> str:
        """Return the name of the result, by what goes into it and by installed packages."""
        inputs = {
            "code": cache.code("commands", "qemu"),
            "devices": self._devices,
            "firmware": self._firmware.sha256,
            "requirements": self._requirements,
            "source": self._source.sha256,
        }
        return cache.key(inputs | self._versions)

    def make(self, scratch: Path, result: Path) -> None:
        """Build in one folder, and leave the program and its firmware in another.

        Raises:
            BuildError: a file cannot be had, a program failed, or the machine is not there.
        """
        began = time.monotonic()
        log, tree, output = scratch / "log", scratch / "source", scratch / "output"
        self._unpack(scratch, log, tree)
        python = self._tools(scratch, log)
        devices = tree / "configs/devices/x86_64-softmmu" / DEVICES.name
        devices.write_text(self._devices, "utf-8")
        output.mkdir()
        say("building QEMU, which takes minutes")
        commands.run([tree / "configure", f"--python={python}", *_FEATURES], log, output, {})
        commands.run(["ninja", f"-j{self._jobs}", _PROGRAM], log, output, {})
        program = result / "bin" / _PROGRAM
        program.parent.mkdir()
        commands.run(["strip", "-o", program, output / _PROGRAM], log, scratch, {})
        # Where the program looks, as seen from its own place.
        data = result / "share/qemu"
        data.mkdir(parents=True)
        for name in _FIRMWARE:
            shutil.copyfile(scratch / "firmware/usr/share/qemu" / name, data / name)
        if MACHINE not in commands.ask([program, "-machine", "help"]):
            raise BuildError(f"{_PROGRAM} came out without the machine {MACHINE}")
        say(f"built in {time.monotonic() - began:.0f} s")

    def _unpack(self, scratch: Path, log: Path, tree: Path) -> None:
        source, firmware = archive.fetch(self._source), archive.fetch(self._firmware)
        say(f"unpacking {self._source.name} {self._source.version}")
        commands.run(["dpkg-deb", "--extract", firmware, scratch / "firmware"], log, scratch, {})
        commands.unpack(source, tree, log)
        # Configuring asks for firmware that Debian leaves out of the source; nothing here needs it.
        roms = tree / "pc-bios"
        for name in re.findall(r"edk2-[\w-]+\.fd", (roms / "meson.build").read_text("utf-8")):
            (roms / f"{name}.bz2").touch()

    def _tools(self, scratch: Path, log: Path) -> Path:
        """Return a Python that has the pinned meson, which is newer than that of Debian 12."""
        requirements = scratch / REQUIREMENTS.name
        requirements.write_text(self._requirements, "utf-8")
        commands.run([sys.executable, "-m", "venv", "tools"], log, scratch, {})
        python = scratch / "tools/bin/python"
        install = ("-m", "pip", "install", "--quiet", "--require-hashes", "--requirement")
        commands.run([python, *install, requirements], log, scratch, {})
        return python


if __name__ == "__main__":
    run(main)
