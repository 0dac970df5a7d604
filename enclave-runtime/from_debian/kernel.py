"""enclave-runtime/kernel/build: the kernel of enclave images.

The same source, fragment and tools give the same bytes, wherever, whenever and by whomever it is
built. docs/operate/kernel.md says what is in it and why.
"""

import argparse
import hashlib
import os
import shutil
import time
from pathlib import Path

from . import archive, cache, commands, kernel_config, kernel_record, lock, options, packages
from .error import BuildError, run, say
from .kernel_record import Record

HOME = Path(__file__).parent.parent / "kernel"
FRAGMENT = HOME / "fragment.config"
LOCK = HOME / "source.toml"
RECORD = HOME / "record.toml"

PACKAGES = ("bc", "bison", "flex", "gcc", "libc6-dev", "libelf-dev", "make", "xz-utils")
"""What building takes beyond what every Debian has."""

# In their place would be who built it, where, when, and how often.
_NOBODY = {
    "KBUILD_BUILD_HOST": "cape",
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01 00:00:00 UTC",
    "KBUILD_BUILD_USER": "cape",
    "KBUILD_BUILD_VERSION": "1",
    "LOCALVERSION": "",
}


def main() -> Path:
    """Run the command, and return the path of the kernel.

    Raises:
        BuildError: there is no kernel, or it is not what it has to be.
    """
    arguments = _arguments()
    packages.require(PACKAGES, install=arguments.install)
    if arguments.newest:
        source = archive.newest(lock.read(LOCK, "source")["source"])
        lock.write(LOCK, {"source": source})
        say(f"{LOCK.name} has {source.name} {source.version}")
    build = Build(arguments.jobs)
    for file in arguments.file:
        archive.adopt(file, [build.source])
    built = cache.made("kernel", build.key(), build.make)
    if arguments.reproduce:
        _reproduce(build, built)
    if arguments.record or arguments.newest:
        shutil.copyfile(built / RECORD.name, RECORD)
    kernel_record.compare(kernel_record.read(RECORD), kernel_record.read(built / RECORD.name))
    return built / "bzImage"


def _arguments() -> argparse.Namespace:
    parser = options.parser(
        "Build the kernel of enclave images, or find it in the cache; print its path."
    )
    parser.add_argument(
        "--reproduce",
        action="store_true",
        help="build once more, on another path, and compare each byte",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="write what comes of it to record.toml; --raise does so too",
    )
    return parser.parse_args()


class Build:
    """A build of the kernel by the tools that are installed here."""

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
        self.source = lock.read(LOCK, "source")["source"]
        self._fragment = FRAGMENT.read_text("utf-8")
        self._compiler = commands.ask(["gcc", "--version"]).splitlines()[0]
        self._linker = commands.ask(["ld", "--version"]).splitlines()[0]

    def key(self) -> str:
        """Return the name of the result, by what goes into it."""
        return cache.key(
            {
                "code": cache.code("commands", "kernel"),
                "compiler": self._compiler,
                "fragment": self._fragment,
                "linker": self._linker,
                "source": self.source.sha256,
            }
        )

    def make(self, scratch: Path, result: Path) -> None:
        """Build in one folder, and leave kernel, configuration and record in another.

        Raises:
            BuildError: there is no source, the fragment did not take effect, or a program failed.
        """
        began = time.monotonic()
        log, tree, output = scratch / "log", scratch / "source", scratch / "output"
        # What the name of the result was made of, whatever happens to the file meanwhile.
        fragment = scratch / FRAGMENT.name
        fragment.write_text(self._fragment, "utf-8")
        wanted = kernel_config.read(fragment)
        self._unpack(scratch, log, tree)
        output.mkdir()
        make = ["make", f"--jobs={self._jobs}", f"--directory={tree}", f"O={output}", "ARCH=x86_64"]
        say("configuring the kernel")
        configure = _NOBODY | {"KCONFIG_ALLCONFIG": str(fragment)}
        commands.run([*make, "allnoconfig"], log, scratch, configure)
        config = output / ".config"
        kernel_config.check(wanted, kernel_config.read(config), kernel_config.symbols(tree))
        say("building the kernel, which takes minutes")
        commands.run([*make, "bzImage"], log, scratch, _NOBODY)
        shutil.copyfile(config, result / "config")
        shutil.copyfile(output / "arch/x86/boot/bzImage", result / "bzImage")
        kernel_record.write(result / RECORD.name, self._record(result / "bzImage"))
        say(f"built in {time.monotonic() - began:.0f} s")

    def _unpack(self, scratch: Path, log: Path, tree: Path) -> None:
        package = archive.fetch(self.source)
        say(f"unpacking {self.source.name} {self.source.version}")
        commands.run(["dpkg-deb", "--extract", package, scratch / "package"], log, scratch, {})
        commands.unpack(scratch / "package/usr/src" / f"{self.source.name}.tar.xz", tree, log)

    def _record(self, kernel: Path) -> Record:
        return Record(
            source=self.source.sha256,
            fragment=hashlib.sha256(self._fragment.encode()).hexdigest(),
            compiler=self._compiler,
            linker=self._linker,
            kernel=hashlib.sha256(kernel.read_bytes()).hexdigest(),
        )


def _reproduce(build: Build, built: Path) -> None:
    """Build again on another path, with another umask, and compare.

    Raises:
        BuildError: it came out otherwise.
    """
    with cache.work("kernel") as scratch:
        elsewhere = scratch / "on" / "quite-another-path"
        result = scratch / "result"
        elsewhere.mkdir(parents=True)
        result.mkdir()
        before = os.umask(0o077)
        try:
            build.make(elsewhere, result)
        finally:
            os.umask(before)
        for file in sorted(built.iterdir()):
            if file.read_bytes() != (result / file.name).read_bytes():
                raise BuildError(f"{file.name} came out otherwise when it was built again")
    say("built again on another path: the same bytes")


if __name__ == "__main__":
    run(main)
