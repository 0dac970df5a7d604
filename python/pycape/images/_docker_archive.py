"""What `docker save` wrote before it wrote OCI layouts: manifest.json, and layers as they are."""

from __future__ import annotations

import re

from pycape.images._container import (
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

_DIGEST = re.compile(r"[0-9a-f]{64}")


def image_of_archive(files: Files, architecture: str, reference: str | None) -> ContainerImage:
    """Return the image of an archive. Its layers have no digests but those of their content.

    Raises ArchiveRefused for what breaks a rule, and ImageError where none or several may be meant.
    """
    where = files.where
    manifest = Fields({"images": read_json(files.get("manifest.json"), where)}, where)
    images = manifest.tables("images")
    names = [name for image in images for name in image.texts("RepoTags")]
    if reference is not None:
        images = [image for image in images if reference in image.texts("RepoTags")]
    image = one_of(images, names, where, reference)
    name = image.text("Config")
    content = files.get(name)
    digest = sha256_digest(content)
    named = _DIGEST.search(name)
    if named is None or digest != f"sha256:{named[0]}":
        raise refused(where, f"{name[:100]} is something else than its name says")
    configuration = Fields(read_json(content, where), where)
    check_platform(configuration, architecture, where)
    layers = image.texts("Layers")
    identified = zip(layers, diff_ids(configuration, len(layers), where), strict=True)
    return ContainerImage(
        configuration,
        digest,
        tuple(Layer(files.get(layer), diff_id) for layer, diff_id in identified),
    )
