"""Enclave images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycape.cli._errors import BadInput
from pycape.cli._files import STDIN
from pycape.cli._image_facts import IMAGE_BEGINS, image_as_json, insecurities
from pycape.cli._inspect import _algorithms
from pycape.cli._inspect._explanation import Explanation

if TYPE_CHECKING:
    from pycape.cli._inspect._source import Source
    from pycape.cli._inspect._surroundings import Surroundings


def explain_image(source: Source, _surroundings: Surroundings) -> Explanation | None:
    """Tell of an image how an enclave of it is measured; one that is malformed is refused."""
    from pycape.images import platform_of, read  # noqa: PLC0415 - `cape --help` does without

    if source.data[: len(IMAGE_BEGINS)] != IMAGE_BEGINS:
        return None
    if source.name == STDIN:
        raise BadInput("an enclave image is not read from stdin", hint="name its file")
    image = read(source.name)
    platform = platform_of(image)
    facts = image_as_json(image, platform)
    del facts["sections"]
    signed = (
        "The signature holds: PCR8 is its signer's."
        if image.certificate is not None and image.signature_defect is None
        else "It is not signed."
        if image.certificate is None
        else f"Its signature does not hold: {image.signature_defect}."
    )
    return Explanation(
        "image",
        f"an enclave image, which calls itself {image.name}",
        "checksum, form and signature were checked, and the measurements computed from its bytes",
        facts,
        [
            f"{signed} Memory, CPUs and metadata are not measured: whoever has the file may have "
            "changed them.",
            *insecurities("this image", platform),
            "`cape image inspect FILE` shows its sections, `cape image policy FILE` writes the "
            "policy that callers pin it by, `cape image diff OLD NEW` compares two.",
            *([] if image.certificate is None else [_algorithms.ES384]),
        ],
    )
