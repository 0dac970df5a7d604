"""What a function's bundle has of pycape: that which runs in an enclave.

pycape is not fetched like a dependency: the version that packs is the one that a caller has. Its
part of a bundle is Python only, and the lock names its digest.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pycape
from pycape.errors import PackagingError
from pycape.packaging._files import File
from pycape.packaging._handler import own_sources
from pycape.packaging._requirements import no_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pycape.packaging._requirements import Requirements

# By their names in a bundle, where each is; by its own name unless another is said. All that they
# import in an enclave is among them, in the standard library, or fetched.
_PLACES = {"__init__.py": "_in_enclave.py"}
_FILES = (
    "__init__.py",
    "_buffer.py",
    "_json.py",
    "_several.py",
    "_strangers.py",
    "_typed_function.py",
    "_typed_handler.py",
    "errors.py",
    "serde/__init__.py",
    "serde/_array_reader.py",
    "serde/_array_writer.py",
    "serde/_collisions.py",
    "serde/_decoder.py",
    "serde/_encoder.py",
    "serde/_format.py",
    "serde/_hook.py",
    "serde/_hooks.py",
    "serde/_limits.py",
    "serde/_series.py",
)
_FETCHED = ("msgpack", "msgpack>=1.1")

_TEST = re.compile(r"(?:.+/)?(?:test_[^/]*|[^/]*_test|conftest)\.py")


def with_function_side(
    requirements: Requirements | None, own: Sequence[File], folder: Path, *, fetches: bool
) -> Requirements | None:
    """Return a function's requirements with those of pycape's files, if it gets these.

    Raises PackagingError if it does, and nothing may be fetched.
    """
    package, requirement = _FETCHED
    if not _wants_function_side(own) or _has_package(own, package):
        return requirements
    if not fetches:
        raise PackagingError(
            f"the function imports pycape, which needs {package}, and requirements = false",
            hint=f"leave requirements out of the settings, or put {package} into the folder",
        )
    own_requirements = requirements or no_requirements(folder)
    return replace(own_requirements, added=requirement, reason=_in_words(_files()))


def function_side(own: Sequence[File], fetched: Sequence[File]) -> list[File]:
    """Return pycape's files for a function that imports pycape and has none."""
    if not _wants_function_side(own) or _has_package(fetched, "pycape"):
        return []
    return _files()


def _wants_function_side(own: Sequence[File]) -> bool:
    return not _has_package(own, "pycape") and any(
        _imports_pycape(file) for file in own_sources(own) if not _TEST.fullmatch(file.name)
    )


def _has_package(files: Iterable[File], name: str) -> bool:
    """Tell whether there is a top-level module or package of that name."""
    return any(file.name == f"{name}.py" or file.name.startswith(f"{name}/") for file in files)


def _files() -> list[File]:
    home = Path(pycape.__file__).parent
    places = [(name, home / _PLACES.get(name, name)) for name in _FILES]
    return [
        File(f"pycape/{name}", place, place.stat().st_size, fetched=True) for name, place in places
    ]


def _in_words(files: Sequence[File]) -> str:
    """Say for the lock of which version they are, and their digest (docs/spec/bundle.md)."""
    digest = hashlib.sha256()
    for file in files:
        content = file.path.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode() + content)
    return f"pycape {pycape.__version__} sha256:{digest.hexdigest()}"


def _imports_pycape(file: File) -> bool:
    source = file.path.read_bytes()
    if b"pycape" not in source:
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # of a newer Python than this one: better one package too many
    return any("pycape" in _imported(node) for node in ast.walk(tree))


def _imported(node: ast.AST) -> set[str]:
    """Return the top-level packages that a statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and not node.level:
        return {(node.module or "").partition(".")[0]}
    return set()
