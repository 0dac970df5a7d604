"""What the second ramdisk is made of: Debian's packages, or the layers of a container image."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

from pycape.errors import ConfigError, ImageError
from pycape.images._apt import DEBIAN_ARCHITECTURE
from pycape.images._budget import Budget
from pycape.images._container import ContainerImage, files_of
from pycape.images._deb import unpack_deb
from pycape.images._decompress import Decompressed
from pycape.images._docker_archive import image_of_archive
from pycape.images._lock import read_lock
from pycape.images._oci_layout import image_of_layout
from pycape.images._packages import package_files
from pycape.images._progress import Progress
from pycape.images._tar import refused
from pycape.images._tree import Directory, Symlink

if TYPE_CHECKING:
    from pathlib import Path

    from pycape.images._layers import Unpacking
    from pycape.images._progress import Report
    from pycape.images._recipe import Packages
    from pycape.images._tree import Tree

# Links to folders of the same names below usr, as Debian has them.
_MERGED = ("bin", "lib", "lib64", "sbin")


def unpack_packages(
    packages: Packages,
    architecture: str,
    folder: Path | None,
    unpacking: Unpacking,
    report: Report,
) -> None:
    """Unpack the locked packages, and remove what the recipe excludes."""
    lock = read_lock(packages.lock)
    if (lock.wanted, lock.without) != (packages.wanted, packages.without):
        raise ConfigError(
            f"{packages.lock} was made of other packages than the recipe wants now",
            hint="`cape image lock` resolves them anew",
        )
    for package in lock.packages:
        if package.architecture not in {"all", DEBIAN_ARCHITECTURE[architecture]}:
            raise ConfigError(
                f"{packages.lock} has {package.name} for {package.architecture}, and the image is"
                f" for {architecture}, which Debian calls {DEBIAN_ARCHITECTURE[architecture]}",
                hint="`cape image lock` resolves packages for the architecture of image.toml",
            )
    files = package_files(lock, folder, report)
    for name in _MERGED:
        unpacking.tree.put(("usr", name), Directory(0o755))
        unpacking.tree.put((name,), Symlink(0o777, target=f"usr/{name}"))
    done = 0
    for file in files:
        report(Progress("unpack", done, lock.size))
        unpack_deb(file, unpacking)
        done += file.stat().st_size
    report(Progress("unpack", done, lock.size))
    _exclude(unpacking.tree, packages.exclude)


def unpack_container(
    path: Path, reference: str | None, architecture: str, unpacking: Unpacking, report: Report
) -> ContainerImage:
    """Unpack the layers of a container image, each of which is what its digest says."""
    files = files_of(path, unpacking.contents, Budget())
    if files.find("oci-layout") is not None:
        image = image_of_layout(files, architecture, reference)
    elif files.find("manifest.json") is not None:
        image = image_of_archive(files, architecture, reference)
    else:
        raise ImageError(
            f"{path} is no container image: it has neither oci-layout nor manifest.json",
            hint="`docker save IMAGE -o FILE` writes one, and so do buildah, podman and skopeo",
        )
    total = sum(layer.content.size for layer in image.layers)
    done = 0
    for number, layer in enumerate(image.layers, 1):
        report(Progress("unpack", done, total))
        where = f"{path}, layer {number}"
        with layer.content.open() as file:
            hashed = _Hashed(Decompressed(file, where))
            unpacking.layer(number, hashed, where)
        if hashed.digest != layer.diff_id:
            raise refused(where, f"it is {hashed.digest}, and {layer.diff_id} is what it should be")
        done += layer.content.size
    report(Progress("unpack", done, total))
    return image


class _Hashed:
    """A stream that is digested as it is read."""

    def __init__(self, source: Decompressed) -> None:
        self._source = source
        self._hash = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        self._hash.update(data)
        return data

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _exclude(tree: Tree, patterns: tuple[str, ...]) -> None:
    """Remove what patterns match, and the directories that have nothing left then."""
    spec = GitIgnoreSpec.from_lines(patterns)
    below = dict(tree.walk())
    gone = {
        name
        for name, node in below.items()
        if not isinstance(node, Directory) and spec.match_file(name)
    }
    tree.remove(gone)
    above = {name.rpartition("/")[0] for name in gone} - {""}
    while above:
        empty = {name for name in above if not below[name].children}  # type: ignore[union-attr]
        tree.remove(empty)
        above = {name.rpartition("/")[0] for name in empty} - {""}
