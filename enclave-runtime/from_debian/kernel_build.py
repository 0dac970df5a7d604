"""A kernel of one source and one fragment: by the same tools always the same bytes."""

import hashlib
import shutil
import time
from pathlib import Path

from . import archive, cache, commands, kernel_config, kernel_record
from .error import say
from .kernel_record import Record
from .lock import Package

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


class Build:
    """A build of the kernel by the tools that are installed here."""

    def __init__(self, source: Package, fragment: str, jobs: int) -> None:
        self._source = source
        self._fragment = fragment
        self._jobs = jobs
        self._compiler = commands.ask(["gcc", "--version"]).splitlines()[0]
        self._linker = commands.ask(["ld", "--version"]).splitlines()[0]

    def key(self) -> str:
        """Return the name of the result, by what goes into it."""
        return cache.key(
            {
                "code": cache.code("commands", "kernel_build"),
                "compiler": self._compiler,
                "fragment": self._fragment,
                "linker": self._linker,
                "source": self._source.sha256,
            }
        )

    def make(self, scratch: Path, result: Path) -> None:
        """Build in one folder, and leave kernel, configuration and record in another.

        Raises:
            BuildError: there is no source, the fragment did not take effect, or a program failed.
        """
        began = time.monotonic()
        log, tree, output = scratch / "log", scratch / "source", scratch / "output"
        fragment = scratch / "fragment.config"
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
        kernel_record.write(result / kernel_record.NAME, self._record(result / "bzImage"))
        say(f"built in {time.monotonic() - began:.0f} s")

    def _unpack(self, scratch: Path, log: Path, tree: Path) -> None:
        package = archive.fetch(self._source)
        say(f"unpacking {self._source.name} {self._source.version}")
        commands.run(["dpkg-deb", "--extract", package, scratch / "package"], log, scratch, {})
        commands.unpack(scratch / "package/usr/src" / f"{self._source.name}.tar.xz", tree, log)

    def _record(self, kernel: Path) -> Record:
        return Record(
            source=self._source.sha256,
            fragment=hashlib.sha256(self._fragment.encode()).hexdigest(),
            compiler=self._compiler,
            linker=self._linker,
            kernel=hashlib.sha256(kernel.read_bytes()).hexdigest(),
        )
