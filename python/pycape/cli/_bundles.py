"""What is told of a bundle: by `cape package`, and by whatever is tried with --dry-run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pycape.cli._text import fields

if TYPE_CHECKING:
    from pycape.packaging import Bundle, Entry

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Tell all files, sizes and versions; send and write nothing."
)


def facts_of(bundle: Bundle) -> dict[str, Any]:
    """Return what JSON has of a bundle."""
    return {
        "bundle_sha256": bundle.sha256,
        "bundle_size": bundle.size,
        "files": len(bundle.files),
        "handler": bundle.handler,
        "python": bundle.python,
        "platform": bundle.platform,
        "largest": [
            {"name": part.name, "size": part.size, "files": part.files}
            for part in bundle.sizes.largest
        ],
    }


def content_of(bundle: Bundle) -> dict[str, Any]:
    """Return what JSON has besides with --dry-run: each file, and the lock."""
    return {
        "content": [
            {"name": entry.name, "size": entry.size, "fetched": entry.fetched}
            for entry in bundle.files
        ],
        "lock": bundle.lock,
    }


def in_short(bundle: Bundle, name: str | None = None) -> str:
    """Return where a bundle's bytes are, its checksum, and perhaps the function's name, as text."""
    facts = {
        "bundle sha256": bundle.sha256,
        "handler": bundle.handler,
        "python": f"{bundle.python} on {bundle.platform}",
        "name": name,
    }
    return f"{bundle.sizes.table()}\n\n{fields(facts)}"


def in_full(bundle: Bundle, name: str | None = None) -> str:
    """Return what --dry-run tells: the folder's files, the versions fetched, and `in_short`."""
    own = [entry for entry in bundle.files if not entry.fetched]
    sections = [f"files of the folder\n{_listed(own)}"]
    if bundle.lock is not None:
        pins = "\n".join(f"  {pin}" for pin in _pins(bundle.lock))
        sections.append(f"dependencies, as cape.lock has them\n{pins}")
    return "\n\n".join([*sections, in_short(bundle, name)])


def _listed(files: list[Entry]) -> str:
    return "\n".join(f"{entry.size:12,}  {entry.name}" for entry in files)


def _pins(lock: str) -> list[str]:
    """Return what a lock names, without hashes and comments."""
    lines = [line.removesuffix("\\").strip() for line in lock.splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "--"))]
