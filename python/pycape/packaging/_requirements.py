"""What a function's folder asks for: which file, and everything that it draws in."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pycape.errors import ConfigError, PackagingError
from pycape.packaging._requirement_lines import COMMENT, Line, hashed, index_options, texts
from pycape.packaging._toml import PROJECT_NAME, read_toml, table

if TYPE_CHECKING:
    from collections.abc import Iterable

REQUIREMENTS_NAME = "requirements.txt"
# "./mine.whl", "folder/mine", "mine @ ./mine.whl", "-e ./mine"; then perhaps options or a marker.
_LOCAL = re.compile(
    r"\s*(?:-e\s+|--editable[\s=]\s*|[A-Za-z0-9][\w.-]*(?:\[[^]]*\])?\s*@\s*)?"
    r"(?:file:(?://)?)?([^\s;#\[@]*/[^\s;#\[@]*|[^\s;#\[@]+\.(?:whl|tar\.gz|zip)|\.)\s*(?:$|[\s;#\[])"
)
_BUILDS = re.compile(r"\s*(?:-e|--editable|--no-binary)(?=[\s=]|$)")
_REPOSITORY = re.compile(r"[^#]*?(?:^|[\s@])(?:git|hg|bzr|svn)\+")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")
_BUILT = "has to be built from sources, which runs their code on this machine"
_LET_IT = "build_sdists = true in cape.toml lets it be built here"
_WHEEL_OF = "name a wheel of it instead: uv build --wheel --out-dir wheels "
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")


@dataclass(frozen=True)
class Requirements:
    """A requirements file of a function, named from its folder; None if it has none.

    `digest` covers it, all that it includes, and what local packages say of themselves; `lines`
    are theirs. `index_options` are the options in it that say where wheels come from; a lock file
    does not repeat them, as they may hold secrets. `hashed` are the requirements in it that name
    hashes of their own, which hold besides the lock's. `local_packages` are the wheels, sdists and
    source folders in the function's own folder that it names. `added` is what has to be fetched
    besides, and `reason` what says so: a lock names both.
    """

    folder: Path
    name: str | None
    digest: str
    index_options: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    hashed: tuple[str, ...] = ()
    local_packages: tuple[str, ...] = ()
    added: str = ""
    reason: str = ""


def no_requirements(folder: Path) -> Requirements:
    """Return the requirements of a function that has none of its own."""
    return Requirements(folder, None, hashlib.sha256().hexdigest(), ())


def find_requirements(folder: Path, chosen: str | Literal[False] | None) -> Requirements | None:
    """Return the requirements of the function in `folder`, None if it needs none.

    A folder with installed distributions in it (`*.dist-info` beside app.py) has its
    dependencies already, unless `chosen` names a file.
    """
    if chosen is False:
        return None
    if chosen is not None:
        if not (folder / chosen).is_file():
            raise ConfigError(f"requirements is {chosen!r}, and there is no such file")
        return _requirements(folder, chosen)
    if any(folder.glob("*.dist-info")):
        return None
    if (folder / REQUIREMENTS_NAME).is_file():
        return _requirements(folder, REQUIREMENTS_NAME)
    if project_dependencies(folder):
        return _requirements(folder, PROJECT_NAME)
    return None


def project_dependencies(folder: Path) -> list[str]:
    """Return the dependencies in the folder's pyproject.toml.

    Raises ConfigError and PackagingError where they are none, or only a build would tell them.
    """
    project = table(read_toml(folder / PROJECT_NAME), "project") or {}
    dynamic, dependencies = project.get("dynamic", []), project.get("dependencies", [])
    if not isinstance(dynamic, list):
        raise ConfigError(f"{PROJECT_NAME}: dynamic is {dynamic!r}; allowed: a list of names")
    if "dependencies" in dynamic:
        raise PackagingError(
            f"the dependencies in {PROJECT_NAME} are dynamic; only a build would tell them",
            hint=f"list them in {REQUIREMENTS_NAME}",
        )
    if not isinstance(dependencies, list) or not all(
        isinstance(each, str) for each in dependencies
    ):
        raise ConfigError(
            f"{PROJECT_NAME}: dependencies is {dependencies!r}; allowed: a list of texts"
        )
    return dependencies


def _requirements(folder: Path, name: str) -> Requirements:
    if name == PROJECT_NAME:
        project_dependencies(folder)
    digest = hashlib.sha256()
    lines: list[Line] = []
    local: list[Path] = []
    for text in texts(folder, name):
        digest.update(hashlib.sha256(text.content.encode()).digest())
        lines += text.lines
        for line in text.lines:
            if package := local_package(folder, line.text):
                local.append(package)
                for file in _what_it_says(package):
                    digest.update(hashlib.sha256(file.read_bytes()).digest())
    inside = [each.relative_to(folder) for each in local if each.is_relative_to(folder)]
    return Requirements(
        folder,
        name,
        digest.hexdigest(),
        index_options=tuple(option for line in lines for option in index_options(line)),
        lines=tuple(lines),
        hashed=() if name == PROJECT_NAME else tuple(hashed(lines)),
        local_packages=tuple(each.as_posix() for each in inside if each.parts),
    )


def local_package(folder: Path, line: str) -> Path | None:
    """Return the wheel, sdist or source folder on disk that a line names, None if it names none.

    Paths are from the function's folder, as uv reads them, also in files that are included.

    >>> local_package(Path("/"), "numpy==2.0 ; python_version > '3'")
    """
    if said := _LOCAL.match(line):
        with suppress(OSError, ValueError):  # whatever cannot be a path is none
            path = (folder / said[1]).resolve()
            if path.is_dir() or (path.name.endswith(_ARCHIVES) and path.is_file()):
                return path
    return None


def check_followed(lines: Iterable[Line], folder: Path, *, build_sdists: bool) -> None:
    """Refuse lines, of requirements or of a lock, that lead uv to more than wheels with a hash.

    By `-e` and by `--no-binary` it builds packages also where wheels alone are asked for, and that
    runs their code on this machine. For a variable it puts in what the environment has, so that an
    address can carry a secret away.

    Raises PackagingError.
    """
    for line in lines:
        if _REPOSITORY.match(line.text):
            raise line.refused(
                "is a repository: what comes from one has no hash that a lock could hold",
                f"{_WHEEL_OF}FOLDER; or require it from an index",
            )
        if _VARIABLE.search(COMMENT.sub("", line.text)):
            raise line.refused(
                "has a variable of the environment in it",
                "write it out; a password of an index belongs into UV_DEFAULT_INDEX or UV_INDEX",
            )
        package = local_package(folder, line.text)
        if not build_sdists and (_BUILDS.match(line.text) or (package and package.is_dir())):
            source = os.path.relpath(package, folder) if package else "FOLDER"
            raise line.refused(
                _BUILT,
                f"{_LET_IT}; or {_WHEEL_OF}{source}",
            )


def check_sources(file: Path) -> None:
    """Refuse folders as sources of a project's dependencies: some versions of uv build them.

    Raises PackagingError.
    """
    if file.name != PROJECT_NAME:
        return
    sources = table(read_toml(file), "tool", "uv", "sources") or {}
    for name, said in sources.items():
        for source in said if isinstance(said, list) else [said]:
            if isinstance(source, dict) and (source.get("editable") or "workspace" in source):
                raise PackagingError(
                    f"{PROJECT_NAME}, tool.uv.sources: {name!r:.100} {_BUILT}",
                    hint=f"{_LET_IT}; or {_WHEEL_OF}FOLDER",
                )


def _what_it_says(package: Path) -> list[Path]:
    """Return the files of a local package that its dependencies follow from."""
    if package.is_file():
        return [package]
    return [package / name for name in _PROJECT_FILES if (package / name).is_file()]
