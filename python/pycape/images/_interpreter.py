"""What a runtime that serves functions needs in the image (docs/spec/enclave.md, contents)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pycape.errors import ImageError
from pycape.images._tree import Directory, File

if TYPE_CHECKING:
    from pycape.images._runtime import Needs
    from pycape.images._tree import Tree

_INTERPRETER = re.compile(r"python3\.[0-9]+")


def check_interpreter(tree: Tree, needs: Needs) -> None:
    """See that an image has one interpreter, with its library, the loader and the C library.

    Raises ImageError where it does not, as its runtime would when it starts.
    """
    folder = tree.find(_parts(needs.interpreters))
    names = folder.children if isinstance(folder, Directory) else {}
    found = [name for name in names if _INTERPRETER.fullmatch(name)]
    if len(found) != 1:
        raise ImageError(
            f"the image has {len(found)} interpreters {needs.interpreters}/python3.N, not one",
            hint="python3.11-minimal among `wanted` of [packages] is one",
        )
    [name] = found
    interpreter = f"{needs.interpreters}/{name}"
    _check_program(tree, interpreter)
    _check_beside(tree, interpreter, f"../lib/{name}/os.py", f"lib{name}-minimal")
    _check_program(tree, needs.loader)
    _check_beside(tree, needs.loader, "libc.so.6", "libc6")


def _check_program(tree: Tree, path: str) -> None:
    found = tree.find(_parts(path))
    if not isinstance(found, File) or not found.permissions & 0o111:
        raise ImageError(
            f"{path} is no program of the image, which needs it",
            hint="python3.11-minimal and libc6 among `wanted` of [packages] have what is needed",
        )


def _check_beside(tree: Tree, path: str, relative: str, package: str) -> None:
    if not isinstance(tree.find_beside(_parts(path), relative.split("/")), File):
        raise ImageError(
            f"beside {path} of the image is no {relative}, which it needs",
            hint=f"{package} among `wanted` of [packages] has it",
        )


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
