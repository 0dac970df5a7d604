"""Why two images are measured differently: section by section, file by file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from pycape import _core
from pycape._arguments import only_progress
from pycape.errors import ImageMalformed
from pycape.images._arguments import only
from pycape.images._image import Image
from pycape.images._layout import PROGRAM, SETTINGS
from pycape.images._platform import document, entries_of, files_in, flattened
from pycape.images._progress import Progress, silent
from pycape.images._system import as_our_errors

if TYPE_CHECKING:
    from pycape._core import RamdiskEntry
    from pycape.images._image import Section
    from pycape.images._progress import Report

# What is compared of an entry, in the order in which it is told.
_FACTS = ("kind", "permissions", "user", "group", "size", "sha256", "target", "device")


@dataclass(frozen=True)
class Difference:
    """One difference: of a section, or of a file in a ramdisk.

    `place` is "kernel", "command line", "ramdisk 0", ..., "signature", "architecture", "memory",
    "cpus" or "metadata"; `name` is a file's. `facts` are what differs by name, each before and
    after, None for what is not there: of metadata by its keys, of settings and programs by theirs
    as well. `pcrs` are the registers that it changes: none for what nobody measures.
    """

    place: str
    change: Literal["added", "removed", "changed"]
    pcrs: tuple[int, ...]
    name: str | None = None
    facts: tuple[tuple[str, str | None, str | None], ...] = ()


def compare(old: Image, new: Image, *, progress: Report | None = None) -> list[Difference]:
    """Return all differences of two images that were read, in the order of their sections.

    Of a ramdisk that is no archive that is read here, such as a compressed one, only the digest is
    compared, and the fact `files` says why.

    Raises ImageError where a file cannot be read any more.
    """
    old, new = only(Image, "old", old), only(Image, "new", new)
    report = only_progress(progress) or silent
    return [
        *_sections(old, new, report),
        *_ramdisks(old, new, report),
        *_signature(old, new, report),
        *_unmeasured(old, new),
    ]


def _sections(old: Image, new: Image, report: Report) -> Iterator[Difference]:
    before, after = (_kernel_facts(image, report) for image in (old, new))
    if facts := _differing(before, after):
        yield Difference("kernel", "changed", (0, 1), facts=facts)
    if old.command_line != new.command_line:
        fact = ("text", old.command_line, new.command_line)
        yield Difference("command line", "changed", (0, 1), facts=(fact,))


def _kernel_facts(image: Image, report: Report) -> dict[str, str]:
    section = image.sections[0]
    return {"size": str(section.size), "sha256": _sha256(image, section, report)}


def _ramdisks(old: Image, new: Image, report: Report) -> Iterator[Difference]:
    count = max(len(old.ramdisks), len(new.ramdisks))
    for index in range(count):
        place, pcrs = f"ramdisk {index}", (0, 1) if index == 0 else (0, 2)
        if index >= len(old.ramdisks):
            yield Difference(place, "added", pcrs)
        elif index >= len(new.ramdisks):
            yield Difference(place, "removed", pcrs)
        else:
            yield from _ramdisk(
                place, pcrs, (old, old.ramdisks[index]), (new, new.ramdisks[index]), report
            )


_Part = tuple[Image, "Section"]
_Fact = tuple[str, "str | None", "str | None"]


def _ramdisk(
    place: str, pcrs: tuple[int, ...], old: _Part, new: _Part, report: Report
) -> Iterator[Difference]:
    digests = ("sha256", _sha256(*old, report), _sha256(*new, report))
    if digests[1] == digests[2]:
        return
    try:
        before, after = (_entries(*each, report) for each in (old, new))
    except ImageMalformed as error:
        facts = (digests, ("files", None, f"not compared, since one is not read here: {error}"))
        yield Difference(place, "changed", pcrs, facts=facts)
        return
    files = list(_files(place, pcrs, before, after))
    # Where there are none, times, numbers or the order of entries differ.
    for each in files or [Difference(place, "changed", pcrs, facts=(digests,))]:
        yield _with_keys(each, old, new, report)


def _with_keys(each: Difference, old: _Part, new: _Part, report: Report) -> Difference:
    """Return a difference of settings, or of a program, with the keys that differ."""
    if each.name not in {PROGRAM, SETTINGS} or each.change != "changed":
        return each
    contents = (
        files_in(image.path, ramdisk, (each.name,), report).get(each.name)
        for image, ramdisk in (old, new)
    )
    try:
        before, after = (document(each.name, content or b"") for content in contents)
    except (ImageMalformed, ValueError):  # too large, or no document: its digests are told
        return each
    return replace(each, facts=(*each.facts, *_differing(_as_json(before), _as_json(after))))


def _as_json(table: Mapping[str, object]) -> dict[str, str]:
    return {key: json.dumps(value, default=str, ensure_ascii=False) for key, value in table.items()}


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[_Fact, ...]:
    """Return what differs of two tables, in their order."""
    names = [*before, *(name for name in after if name not in before)]
    facts = ((name, before.get(name), after.get(name)) for name in names)
    return tuple(fact for fact in facts if fact[1] != fact[2])


def _files(
    place: str,
    pcrs: tuple[int, ...],
    before: Mapping[str, RamdiskEntry],
    after: Mapping[str, RamdiskEntry],
) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys(), key=str.encode):
        facts = tuple(_facts(before.get(name), after.get(name)))
        if not facts:
            continue
        if name not in before:
            yield Difference(place, "added", pcrs, name, facts)
        elif name not in after:
            yield Difference(place, "removed", pcrs, name, facts)
        else:
            yield Difference(place, "changed", pcrs, name, facts)


def _facts(old: RamdiskEntry | None, new: RamdiskEntry | None) -> Iterator[_Fact]:
    for fact in _FACTS:
        before, after = (
            None if entry is None else _shown(fact, getattr(entry, fact)) for entry in (old, new)
        )
        if before != after:
            yield fact, before, after


def _shown(fact: str, value: object) -> str | None:
    match value:
        case None:
            return None
        case int() if fact == "permissions":
            return f"{value:04o}"
        case tuple():
            return ":".join(map(str, value))
    return str(value)


def _unmeasured(old: Image, new: Image) -> Iterator[Difference]:
    for place in ("architecture", "memory", "cpus"):
        one, other = (str(getattr(image, place)) for image in (old, new))
        if one != other:
            yield Difference(place, "changed", (), facts=(("value", one, other),))
    before, after = (_as_json(flattened(image.metadata)) for image in (old, new))
    if facts := _differing(before, after):
        yield Difference("metadata", "changed", (), facts=facts)


def _signature(old: Image, new: Image, report: Report) -> Iterator[Difference]:
    """Yield how the signatures differ. PCR8 measures whose they are, and not their bytes."""
    before, after = (_signature_facts(image, report) for image in (old, new))
    if facts := _differing(before, after):
        pcrs = (8,) if old.pcrs[8] != new.pcrs[8] else ()
        if before and after:
            yield Difference("signature", "changed", pcrs, facts=facts)
        else:
            yield Difference("signature", "added" if after else "removed", pcrs, facts=facts)


def _signature_facts(image: Image, report: Report) -> dict[str, str]:
    if image.certificate is None:
        return {}
    facts = {
        "subject": image.certificate.subject,
        "certificate": hashlib.sha256(image.certificate.der).hexdigest(),
        "sha256": _sha256(image, image.sections[-1], report),
    }
    defect = image.signature_defect
    return facts if defect is None else {**facts, "defect": defect}


def _sha256(image: Image, section: Section, report: Report) -> str:
    with as_our_errors():
        return _core.section_sha256(
            image.path,
            section.offset,
            section.size,
            lambda done: report(Progress("read", done, section.size)),
        )


def _entries(image: Image, section: Section, report: Report) -> dict[str, RamdiskEntry]:
    return {entry.name: entry for entry in entries_of(image.path, section, report)}
