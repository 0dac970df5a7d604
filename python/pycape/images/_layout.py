"""Which ramdisk of an image has what (docs/spec/image.md, layout)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pycape._core import RamdiskEntry

PROGRAM, SETTINGS, VAULT_KEY = "cape/program.json", "cape/settings.toml", "cape/vault.key"
LAST = "unpacked"
_PLATFORM = {
    "cape": "directory",
    PROGRAM: "file",
    SETTINGS: "file",
    VAULT_KEY: "file",
    "dev": "directory",
    "dev/console": "character_device",
    "init": "file",
}


def layout_defect(ramdisk: int, entries: Sequence[RamdiskEntry], *, is_last: bool) -> str | None:
    """Return why a ramdisk may change what becomes of others, or None.

    The kernel unpacks all of them into one tree, where a later entry takes the place of an earlier
    one, whatever that was: a link, too, in the place of the platform's files.
    """
    last = entries[-1] if is_last and entries else None
    for entry in entries:
        if entry is not last and not _belongs(ramdisk, entry):
            kind = entry.kind.replace("_", " ")
            return (
                f"ramdisk {ramdisk} has {entry.name!r} ({kind}), which no image of Cape has there"
            )
    if is_last and (last is None or (last.name, last.kind) != (LAST, "file")):
        return f"ramdisk {ramdisk} does not end with the file {LAST!r}, as images of Cape do"
    return None


def _belongs(ramdisk: int, entry: RamdiskEntry) -> bool:
    if ramdisk == 0:
        return _PLATFORM.get(entry.name) == entry.kind
    return entry.name.startswith("rootfs/") or (entry.name, entry.kind) == ("rootfs", "directory")
