"""Images in an OCI layout (OCI image specification: image-layout, image-index, manifest)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pycape.images._container import (
    OCI_ARCHITECTURE,
    ContainerImage,
    Files,
    Layer,
    check_platform,
    diff_ids,
    one_of,
    sha256_digest,
)
from pycape.images._container_json import Fields, read_json
from pycape.images._tar import refused

if TYPE_CHECKING:
    from pycape.images._contents import Part

_MOST_DEPTH = 4
_MOST_MANIFESTS = 1000
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_INDEX_TYPES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}
_MANIFEST_TYPES = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
_LAYER_TYPE = re.compile(
    r"application/vnd\.(?:oci\.image\.layer\.v1\.tar(?:\+gzip|\+zstd)?"
    r"|docker\.image\.rootfs\.diff\.tar(?:\.gzip|\.zstd)?)"
)
_NAMES = ("org.opencontainers.image.ref.name", "io.containerd.image.name")


def image_of_layout(files: Files, architecture: str, reference: str | None) -> ContainerImage:
    """Return the image of a layout; every blob that is used is what its digest says.

    Raises ArchiveRefused for what breaks a rule, and ImageError where none or several may be meant.
    """
    return _Layout(files, architecture).image(reference)


class _Layout:
    def __init__(self, files: Files, architecture: str) -> None:
        self._files = files
        self._where = files.where
        self._architecture = architecture

    def image(self, reference: str | None) -> ContainerImage:
        index = Fields(read_json(self._files.get("index.json"), self._where), self._where)
        found = {
            descriptor.text("digest"): descriptor
            for descriptor in self._manifests(index, reference, _MOST_DEPTH)
        }
        names = (name for each in index.tables("manifests") for name in _names(each))
        manifest = self._json(one_of([*found.values()], names, self._where, reference))
        config, layers = manifest.table("config"), manifest.tables("layers")
        configuration = self._json(config)
        check_platform(configuration, self._architecture, self._where)
        for layer in layers:
            if not _LAYER_TYPE.fullmatch(layer.text("mediaType")):
                raise refused(
                    self._where, f"a layer is of an unknown type, {layer.text('mediaType')[:100]!r}"
                )
        identified = zip(layers, diff_ids(configuration, len(layers), self._where), strict=True)
        return ContainerImage(
            configuration,
            config.text("digest"),
            tuple(Layer(self._blob(layer), diff_id) for layer, diff_id in identified),
        )

    def _manifests(self, index: Fields, reference: str | None, depth: int) -> Iterator[Fields]:
        """Yield the descriptors of the manifests that may be meant."""
        descriptors = index.tables("manifests")
        if depth == 0 or len(descriptors) > _MOST_MANIFESTS:
            raise refused(self._where, "it has more indices than any image needs")
        for descriptor in descriptors:
            kind = descriptor.text("mediaType")
            if reference is not None and reference not in _names(descriptor):
                continue
            if kind in _INDEX_TYPES:
                yield from self._manifests(self._json(descriptor), None, depth - 1)
            elif kind in _MANIFEST_TYPES and self._is_for_us(descriptor):
                yield descriptor

    def _is_for_us(self, descriptor: Fields) -> bool:
        if "platform" not in descriptor:
            return True
        platform = descriptor.table("platform")
        wanted = ("linux", OCI_ARCHITECTURE[self._architecture])
        return (platform.text("os"), platform.text("architecture")) == wanted

    def _json(self, descriptor: Fields) -> Fields:
        return Fields(read_json(self._blob(descriptor), self._where), self._where)

    def _blob(self, descriptor: Fields) -> Part:
        """Return a blob, which has the size and the digest that it is said to have."""
        digest = descriptor.text("digest")
        found = _DIGEST.fullmatch(digest)
        if found is None:
            raise refused(self._where, f"{digest[:80]!r} is no digest by SHA-256")
        content = self._files.get(f"blobs/sha256/{found[1]}")
        if content.size != descriptor.number("size") or sha256_digest(content) != digest:
            raise refused(self._where, f"the blob {digest} is something else than that says")
        return content


def _names(descriptor: Fields) -> set[str]:
    annotations = descriptor.table("annotations")
    return {annotations.text(name) for name in _NAMES if name in annotations}
