"""cape image inspect, diff, policy: what reads images."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from pycape._strangers import one_line
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._file_progress import FileProgress
from pycape.cli._files import STDIN, existing_file
from pycape.cli._image_facts import (
    image_as_json,
    image_as_text,
    insecurities,
    platform_as_json,
)
from pycape.cli._releases import note_ended
from pycape.cli._text import hanging

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pycape.images import Difference, Image, Platform

_VAULT = re.compile(r"[0-9a-fA-F]{64}")
_DIGESTS = {"certificate", "sha256"}
_REASON = "files"
_DIGEST_SHOWN = 16
_VALUE_SHOWN = 60


@click.command("inspect", cls=CapeCommand, example="cape image inspect cape.eif")
@click.argument("file")
@pass_context
def inspect(context: Context, file: str) -> None:
    """Show what is in an image, how an enclave of it is measured, and who signed it."""
    [image] = _read(context, [file])
    platform = _platform(context, image)
    data = {"file": file, **image_as_json(image, platform)}
    context.result(data, image_as_text(image, platform), image.pcrs[0].hex())


@click.command("diff", cls=CapeCommand, example="cape image diff old.eif new.eif")
@click.argument("old")
@click.argument("new")
@click.pass_context
def diff(click_context: click.Context, old: str, new: str) -> None:
    """Say why two images are measured differently: which parts and files are others.

    What is in the ramdisks of an image that Cape would not put there is told at the end.

    Exits with 0 where all registers are the same, with 1 where one is not.
    """
    from pycape.images import compare  # noqa: PLC0415 - `cape --help` does without

    context = click_context.ensure_object(Context)
    before, after = _read(context, [old, new])
    with FileProgress(context, "comparing", None) as progress:
        differences = compare(before, after, progress=lambda step: progress.report(step.done))
    platforms = [_platform(context, image) for image in (before, after)]
    same = before.pcrs == after.pcrs
    registers = [index for index in before.pcrs if before.pcrs[index] != after.pcrs[index]]
    data = {
        "same": same,
        "registers": registers,
        "differences": [_as_json(each) for each in differences],
        "platforms": [platform_as_json(platform) for platform in platforms],
    }
    head = f"differ: {', '.join(f'PCR{index}' for index in registers)}"
    lines = ["the same measurements" if same else head]
    lines += [line for each in differences for line in _as_lines(each)]
    lines += [
        hanging(line)
        for file, platform in zip((old, new), platforms, strict=True)
        if platform.defect is not None
        for line in insecurities(file, platform)
    ]
    identifiers = [each.name or each.place for each in differences]
    context.result(data, "\n".join(lines), "\n".join(identifiers))
    click_context.exit(0 if same else 1)


@click.command("policy", cls=CapeCommand, example="cape image policy cape.eif > policy.toml")
@click.argument("files", metavar="FILE [FILE]...", nargs=-1, required=True)
@click.option("--signer", is_flag=True, help="Accept all that its signer signs: PCR8 alone.")
@click.option("--name", metavar="NAME", help="What the release is called; else as the image.")
@click.option("--vault", metavar="HEX", help="The platform's vault, as `cape vault show` says it.")
@click.option("--not-after", metavar="DATE", help="The last day of the release, as 2027-12-31.")
@pass_context
def policy(
    context: Context,
    *,
    files: tuple[str, ...],
    signer: bool,
    name: str | None,
    vault: str | None,
    not_after: str | None,
) -> None:
    """Print the policy that callers pin these images by: PCR0, 1 and 2 of each.

    Whoever accepts it accepts enclaves of these images, and no others. What is insecure in an
    image is told, and is a comment of the policy.
    """
    from pycape.images import policy_of  # noqa: PLC0415 - `cape --help` does without

    if vault is not None and not _VAULT.fullmatch(vault):
        raise UsageError("--vault is no vault's id", hint="it has 64 hexadecimal digits")
    if name is not None and len(files) > 1:
        raise UsageError("--name is one, and there are several images", hint="one policy for each")
    images = _read(context, files)
    made = policy_of(images, signer=signer, name=name, vault=vault, not_after=_day(not_after))
    note_ended(context, made.releases)
    if vault is None:
        context.note("no vault is pinned: --vault HEX pins the platform's, too")
    platforms = [_platform(context, image) for image in images]
    warnings = [
        one_line(line)
        for image, platform in zip(images, platforms, strict=True)
        for line in insecurities(_name(image), platform)
    ]
    for warning in warnings:
        context.note(warning)
    text = "\n".join([*(f"# {warning}" for warning in warnings), made.to_toml().rstrip()])
    data = {
        "releases": len(made.releases),
        "platforms": [platform_as_json(platform) for platform in platforms],
        "toml": text,
    }
    context.result(data, text, text)


def _read(context: Context, files: Sequence[str]) -> list[Image]:
    from pycape.images import read  # noqa: PLC0415 - `cape --help` does without

    if STDIN in files:
        raise UsageError("an image is not read from stdin", hint="name its file")
    images = []
    for path in [existing_file(file) for file in files]:
        with FileProgress(context, f"reading {path}", path.stat().st_size) as progress:
            images.append(read(path, progress=lambda step: progress.report(step.done)))
    return images


def _name(image: Image) -> str:
    """Return what tells an image from another that calls itself the same."""
    return f"{image.name} (PCR0 {image.pcrs[0].hex()[:_DIGEST_SHOWN]}...)"


def _platform(context: Context, image: Image) -> Platform:
    from pycape.images import platform_of  # noqa: PLC0415 - `cape --help` does without

    with FileProgress(context, f"looking into {image.path}", None) as progress:
        return platform_of(image, progress=lambda step: progress.report(step.done))


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--not-after is no day: {text!r}", hint="as 2027-12-31") from error


def _as_json(difference: Difference) -> dict[str, Any]:
    return {
        "place": difference.place,
        "name": difference.name,
        "change": difference.change,
        "registers": list(difference.pcrs),
        "facts": {fact: {"old": old, "new": new} for fact, old, new in difference.facts},
    }


def _as_lines(difference: Difference) -> Iterator[str]:
    marks = {"added": "+", "removed": "-", "changed": "~"}
    name = f"{difference.place}: {difference.name}" if difference.name else difference.place
    note = "" if difference.pcrs else " (not measured)"
    yield hanging(f"{marks[difference.change]} {name}{note}")
    if difference.change == "changed":
        for fact, old, new in difference.facts:
            yield hanging(f"{fact}: {_short(fact, old)} -> {_short(fact, new)}", indent="    ")


def _short(fact: str, value: str | None) -> str:
    if value is None:
        return "none"
    if fact == _REASON:
        return value
    shown = _DIGEST_SHOWN if fact in _DIGESTS else _VALUE_SHOWN
    return value if len(value) <= shown else f"{value[:shown]}..."
