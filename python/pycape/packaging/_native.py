"""Whether compiled files are for the enclave's machine and interpreter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pycape.errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pycape.packaging._files import File
    from pycape.packaging._target import Target

_LIBRARY = re.compile(r".*\.(?:so(?:\.\d+)*|pyd|dylib)")
_OF_ANOTHER_SYSTEM = {"pyd": "Windows", "dylib": "macOS"}
# PEP 3149; a module of the stable ABI says abi3 and fits every later version.
_EXTENSION = re.compile(
    r".*\.(?P<abi>cpython-\d+[a-z]*|abi3|pypy\w*-\w+)(?:-(?P<system>[\w-]+))?\.so"
)

_INSTALLED = re.compile(r"[^/]+\.dist-info/")

_ELF_64_LITTLE = b"\x7fELF\x02\x01"
_ELF_HEADER = 20
_ELF_MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv"}


def check_native(files: Sequence[File], target: Target, *, every: bool) -> None:
    """Refuse libraries and extension modules that `target` cannot load.

    Of fetched files only extension modules are judged, unless `every` is: some wheels
    carry libraries for several machines and choose between them when they run.
    """
    for file in files:
        if not _LIBRARY.fullmatch(file.name):
            continue
        extension = _EXTENSION.fullmatch(file.name)
        if file.fetched and not extension and not every:
            continue
        reason = _wrong_name(file.name, extension, target) or _wrong_content(file, target)
        if reason:
            raise FileRefused(
                f"{file.name} is {reason}; the enclave has Python {target.python} on"
                f" {target.platform}",
                hint=_hint(file, files),
                details={"file": file.name},
            )


def _hint(file: File, files: Sequence[File]) -> str:
    if file.fetched:
        return "require another version of its package: this one's files are not for the enclave"
    if any(_INSTALLED.match(each.name) for each in files if not each.fetched):
        return (
            "a folder with *.dist-info is taken as it is: delete them and what they belong to, and"
            " list that in requirements.txt, so that the right ones are fetched"
        )
    return (
        "list what it belongs to in requirements.txt, so that the right one is fetched, and delete"
        " this one; or leave it out with .capeignore"
    )


def _wrong_name(name: str, extension: re.Match[str] | None, target: Target) -> str | None:
    suffix = name.rpartition(".")[2]
    if suffix in _OF_ANOTHER_SYSTEM:
        return f"for {_OF_ANOTHER_SYSTEM[suffix]}"
    if not extension:
        return None
    if extension["abi"] not in ("abi3", f"cpython-3{target.minor}"):
        return f"for {extension['abi']}"
    system = extension["system"]
    if system not in (None, f"{target.machine}-linux-gnu"):
        return f"for {system}"
    return None


def _wrong_content(file: File, target: Target) -> str | None:
    with file.path.open("rb") as opened:
        header = opened.read(_ELF_HEADER)
    if not header.startswith(_ELF_64_LITTLE) or len(header) < _ELF_HEADER:
        return "no library for 64-bit Linux"
    machine = int.from_bytes(header[18:20], "little")
    name = _ELF_MACHINES.get(machine, f"machine {machine}")
    return None if name == target.machine else f"for {name}"
