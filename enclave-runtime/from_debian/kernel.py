"""enclave-runtime/kernel/build: the kernel of enclave images.

The same source, fragment and tools give the same bytes, wherever, whenever and by whomever it is
built. docs/operate/kernel.md says what is in it and why.
"""

import argparse
import hashlib
import os
from pathlib import Path

from . import cache, kernel_record, options, packages, pinned
from .error import BuildError, run, say
from .kernel_build import PACKAGES, Build
from .kernel_record import Record

HOME = Path(__file__).parent.parent / "kernel"
FRAGMENT = HOME / "fragment.config"
LOCK = HOME / "source.toml"
RECORD = HOME / kernel_record.NAME
USES = ("source",)


def main() -> Path:
    """Run the command, and return the path of the kernel.

    Raises:
        BuildError: there is no kernel, or it is not what it has to be.
    """
    arguments = _arguments()
    packages.require(PACKAGES, install=arguments.install)
    fragment = FRAGMENT.read_text("utf-8")
    build, built = pinned.made(
        "kernel",
        pinned.packages(LOCK, USES, arguments),
        lambda sources: Build(sources["source"], fragment, arguments.jobs),
        or_newest=arguments.or_newest,
    )
    kernel, record = built / "bzImage", kernel_record.read(built / kernel_record.NAME)
    _check(kernel, record)
    if arguments.reproduce:
        _reproduce(build, built)
    if arguments.record or arguments.newest:
        kernel_record.write(RECORD, record)
    kernel_record.compare(kernel_record.read(RECORD), record)
    return kernel


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
    arguments = parser.parse_args()
    if arguments.record and arguments.or_newest:
        parser.error("argument --record: not allowed with argument --or-newest")
    return arguments


def _check(kernel: Path, record: Record) -> None:
    """Compare a kernel, which may come from the cache, with what it was when it was built.

    Raises:
        BuildError: it is another one.
    """
    digest = hashlib.sha256(kernel.read_bytes()).hexdigest()
    if digest != record.kernel:
        raise BuildError(
            f"{kernel} is not what was built: its SHA-256 is {digest}, and was {record.kernel}",
            f"remove {kernel.parent}, and build it anew",
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
