"""What is told of an image, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycape._clock import show_time
from pycape.cli._text import fields, hanging, measurements

if TYPE_CHECKING:
    from pycape.images import Image, Platform

# What image files begin with.
IMAGE_BEGINS = b".eif"
_KEY = "vault.key"
_PURPOSES = {"functions": "serves functions", "program": "runs a program of its own"}
_KINDS = {
    "kernel": "kernel",
    "command_line": "command line",
    "metadata": "metadata",
    "signature": "signature",
}


def image_as_json(image: Image, platform: Platform) -> dict[str, Any]:
    """Return all that is known of an image."""
    return {
        "size": image.size,
        "architecture": image.architecture,
        "memory": image.memory,
        "cpus": image.cpus,
        "command_line": image.command_line,
        "metadata": dict(image.metadata),
        "sections": [
            {"kind": each.kind, "offset": each.offset, "size": each.size} for each in image.sections
        ],
        "pcrs": {str(index): value.hex() for index, value in image.pcrs.items()},
        "platform": platform_as_json(platform),
        "signature": _signature_as_json(image),
    }


def platform_as_json(platform: Platform) -> dict[str, Any]:
    """Return what an image is for, and what in it is insecure."""
    return {
        "purpose": platform.purpose,
        "mode": platform.mode,
        "insecure": None if platform.insecure is None else list(platform.insecure),
        "defect": platform.defect,
    }


def insecurities(name: str, platform: Platform) -> list[str]:
    """Return what whoever trusts an image has to know of it, a line each."""
    if platform.insecure is None:
        return [f"whether {name} is insecure is not known: {platform.defect}"]
    lines = []
    if settings := [each for each in platform.insecure if each != _KEY]:
        lines.append(f"insecure: {name} is for development only, by {', '.join(settings)}")
    if _KEY in platform.insecure:
        lines.append(f"insecure: {name} holds its vault's key, for whoever has the image")
    return lines


def _signature_as_json(image: Image) -> dict[str, Any] | None:
    if image.certificate is None:
        return None
    return {
        "subject": image.certificate.subject,
        "not_before": show_time(image.certificate.not_before),
        "not_after": show_time(image.certificate.not_after),
        "defect": image.signature_defect,
    }


def image_as_text(image: Image, platform: Platform) -> str:
    """Return it for a terminal of 80 columns."""
    build = image.metadata["BuildMetadata"]
    rows = {
        "image": image.name,
        "built": f"{build['BuildTime']}, by {build['BuildTool']} {build['BuildToolVersion']}",
        "kernel": f"{build['OperatingSystem']} {build['KernelVersion']}",
        "for": f"{image.architecture}, {image.memory >> 20:,} MiB, {image.cpus} CPUs",
    }
    return "\n".join(
        [
            fields(rows),
            "(its maker says so: nothing above is measured)",
            "",
            _sections(image),
            hanging(f"command line: {image.command_line}"),
            *_purpose(platform),
            *map(hanging, insecurities("this image", platform)),
            "",
            measurements(image.pcrs),
            *_signature(image),
        ]
    )


def _purpose(platform: Platform) -> list[str]:
    if platform.purpose is None:
        return []
    mode = f", mode {platform.mode}" if platform.mode else ""
    return [hanging(f"purpose: {_PURPOSES[platform.purpose]}{mode}")]


def _sections(image: Image) -> str:
    names, disks = [], 0
    for section in image.sections:
        names.append(_KINDS.get(section.kind) or f"ramdisk {disks}")
        disks += section.kind == "ramdisk"
    width = max(len(f"{section.size:,}") for section in image.sections)
    return "\n".join(
        f"{name:12}  {section.size:{width},} bytes at {section.offset:,}"
        for name, section in zip(names, image.sections, strict=True)
    )


def _signature(image: Image) -> list[str]:
    if image.certificate is None:
        return ["not signed, so PCR8 is zero"]
    begin, end = (
        show_time(moment) for moment in (image.certificate.not_before, image.certificate.not_after)
    )
    verdict = f"DOES NOT HOLD: {image.signature_defect}" if image.signature_defect else "holds"
    return [
        hanging(f"signed under: {image.certificate.subject}"),
        f"valid from {begin} to {end}",
        hanging(f"the signature {verdict}"),
    ]
