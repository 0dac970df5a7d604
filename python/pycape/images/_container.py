"""Container images as files: an OCI layout, as a folder or a tar, or what `docker save` writes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pycape._files import no_file
from pycape._system_errors import reason, remedy
from pycape.errors import ImageError
from pycape.images._container_json import Fields
from pycape.images._contents import Part
from pycape.images._decompress import Decompressed
from pycape.images._regular import check_regular
from pycape.images._tar import read_tar, refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pycape.images._budget import Budget
    from pycape.images._contents import Contents

_T = TypeVar("_T")

_MOST_LAYERS = 512
_CHUNK = 1 << 20
OCI_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Layer:
    """A layer: its bytes, compressed or not, and the digest of what comes out."""

    content: Part
    diff_id: str


@dataclass(frozen=True)
class ContainerImage:
    """One container image: its configuration, the digest of that, its layers from the lowest."""

    configuration: Fields
    digest: str
    layers: tuple[Layer, ...]


class Files(ABC):
    """The files that a container image is in, by their names in it."""

    def __init__(self, where: str) -> None:
        self.where = where

    @abstractmethod
    def find(self, name: str) -> Part | None:
        """Return where a file's bytes are; None for none."""

    def get(self, name: str) -> Part:
        """Return where a file's bytes are, which has to be there."""
        found = self.find(name)
        if found is None:
            raise refused(self.where, f"{name[:100]} is missing in it")
        return found


class FolderFiles(Files):
    """Those of a folder, perhaps of a stranger's: names and links lead to nothing outside."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder))
        self._folder = folder.resolve()

    def find(self, name: str) -> Part | None:
        """Return where a file's bytes are; None for none, or where the name leads elsewhere."""
        try:
            found = (self._folder / name).resolve()
            if not (found.is_relative_to(self._folder) and found.is_file()):
                return None
            return Part(found, 0, found.stat().st_size)
        except (OSError, RuntimeError, ValueError):
            return None


class TarFiles(Files):
    """Those of a tar, which are written down."""

    def __init__(self, path: Path, contents: Contents, budget: Budget) -> None:
        super().__init__(str(path))
        self._files: dict[str, Part] = {}
        links: dict[str, str] = {}
        with path.open("rb") as file:
            for member, content in read_tar(Decompressed(file, str(path)), str(path), budget):
                if member.kind == "file":
                    self._files[member.name] = contents.take(content)
                elif member.kind == "symlink":  # to a layer that is there already
                    links[member.name] = _from(member.parts[:-1], member.target)
                elif member.kind == "hardlink":
                    links[member.name] = _from((), member.target)
        targets = {name: self._files.get(target) for name, target in links.items()}
        self._files |= {name: part for name, part in targets.items() if part is not None}

    def find(self, name: str) -> Part | None:
        """Return where a file's bytes are; None for none."""
        return self._files.get(name)


def files_of(path: Path, contents: Contents, budget: Budget) -> Files:
    """Return the files of a container image, in a folder or a tar.

    Raises ConfigError where there is nothing, and ArchiveRefused for a tar that breaks a rule.
    """
    if path.is_dir():
        return FolderFiles(path)
    try:
        check_regular(path)
        return TarFiles(path, contents, budget)
    except FileNotFoundError:
        raise no_file("container image", path) from None
    except PermissionError as error:
        raise ImageError(f"{path}: {reason(error)}", hint=remedy(path, error)) from error


def diff_ids(configuration: Fields, count: int, where: str) -> list[str]:
    """Return the digests that so many layers have when they are not compressed."""
    found = configuration.table("rootfs").texts("diff_ids")
    if len(found) != count or not 1 <= count <= _MOST_LAYERS:
        raise refused(where, f"{count} layers, and {len(found)} digests of what they are")
    return found


def check_platform(configuration: Fields, architecture: str, where: str) -> None:
    """Refuse a container that is made for something else than the image."""
    found = (configuration.text("os"), configuration.text("architecture"))
    if found != ("linux", OCI_ARCHITECTURE[architecture]):
        raise ImageError(
            f"{where} is for {found[0]} on {found[1]}, and the image for linux on"
            f" {OCI_ARCHITECTURE[architecture]}",
            hint="build or pull the container for that platform",
        )


def one_of(candidates: Sequence[_T], names: Iterable[str], where: str, reference: str | None) -> _T:
    """Return the only one that may be meant."""
    if len(candidates) == 1:
        return candidates[0]
    known = ", ".join(sorted({*names})[:20])
    wanted = f" {reference}" if reference else ""
    raise ImageError(
        f"{where} has {len(candidates) or 'no'} images{wanted} that may be meant",
        hint=f"--image NAME says which: it has {known}" if known else "it names none of them",
    )


def sha256_digest(content: Part) -> str:
    """Return a content's digest, as container images write it."""
    digest = hashlib.sha256()
    with content.open() as source:
        while data := source.read(_CHUNK):
            digest.update(data)
    return f"sha256:{digest.hexdigest()}"


def _from(above: Sequence[str], target: str) -> str:
    """Return the name that a link in a folder leads to."""
    place = [*above]
    for part in target.split("/"):
        if part == "..":
            place = place[:-1]
        elif part not in {"", "."}:
            place.append(part)
    return "/".join(place)
