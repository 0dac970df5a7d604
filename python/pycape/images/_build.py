"""The way from a recipe, or a container image, to an image file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pycape
from pycape._arguments import only_path, only_progress, only_text
from pycape._clock import show_time
from pycape._core import ImageSigner, write_image
from pycape._files import no_file, read_bytes
from pycape._whole_file import whole_file
from pycape.errors import ConfigError
from pycape.images._arguments import check_fields, only
from pycape.images._budget import Budget
from pycape.images._contents import Contents
from pycape.images._cuts import check_cuts
from pycape.images._interpreter import check_interpreter
from pycape.images._kernel import kernel_version
from pycape.images._layers import Unpacking
from pycape.images._layout import PROGRAM, SETTINGS, VAULT_KEY
from pycape.images._platform import Platform, platform_of_files
from pycape.images._program import prepare, program_of
from pycape.images._progress import Progress, silent
from pycape.images._ramdisks import add_files, platform_ramdisk, rootfs_ramdisk
from pycape.images._recipe import Recipe
from pycape.images._regular import check_regular
from pycape.images._rootfs import unpack_container, unpack_packages
from pycape.images._runtime import (
    check_command_line,
    check_program,
    check_runtime,
    check_served,
    command_line_of,
)
from pycape.images._system import as_our_errors
from pycape.images._tree import Tree

if TYPE_CHECKING:
    from pycape.images._progress import Report

_TOOL = "cape image build"
_EPOCH_VARIABLE = "SOURCE_DATE_EPOCH"
_LATEST = 253402300799  # the end of the year 9999


@dataclass(frozen=True)
class Sources:
    """What an image is made of beside its recipe: what is given here goes before what that says.

    `container` is a container image, in a folder or a tar, instead of packages, and `reference`
    its name in there; `package_folder` has the packages' files, which are fetched without it.
    """

    kernel: Path | None = None
    runtime: Path | None = None
    settings: Path | None = None
    insecure_vault_key: Path | None = None
    container: Path | None = None
    reference: str | None = None
    package_folder: Path | None = None

    def __post_init__(self) -> None:
        paths = dict.fromkeys((each.name for each in fields(self)), only_path)
        check_fields(self, **{**paths, "reference": only_text})


@dataclass(frozen=True)
class BuiltImage:
    """An image file: its registers (48 bytes each), and by name what it did not take over.

    `platform` is what it is for, and what in it is insecure.
    """

    path: Path
    size: int
    pcrs: Mapping[int, bytes]
    platform: Platform
    dropped: Mapping[str, str] = field(repr=False)


def build(
    recipe: Recipe,
    output: str | os.PathLike[str],
    *,
    sources: Sources | None = None,
    signer: ImageSigner | None = None,
    progress: Report | None = None,
) -> BuiltImage:
    """Make an image file. Memory does not grow with it; its folder needs room for it twice.

    The same sources give the same bytes, but for a signature: paths, times, umasks and users do not
    matter. The build time in it is SOURCE_DATE_EPOCH, or 1970.

    Raises ConfigError for what the recipe, or a file that it names, lacks, ArchiveRefused for a
    package or a container image that breaks a rule, and ImageError for what keeps the rest from
    becoming an image. Raises TypeError for an argument of another kind.
    """
    recipe = only(Recipe, "recipe", recipe)
    sources = Sources() if sources is None else only(Sources, "sources", sources)
    signer = None if signer is None else only(ImageSigner, "signer", signer)
    output, report = only_path("output", output), only_progress(progress) or silent
    mode = 0o600 if _vault_key(recipe, sources) else 0o666
    with as_our_errors():
        with whole_file(output, mode=mode) as file:
            folder = output.absolute().parent
            pcrs, platform, dropped = build_into(
                file, folder, recipe, sources, signer=signer, report=report
            )
        return BuiltImage(output, output.stat().st_size, pcrs, platform, dropped)


def build_into(
    file: BinaryIO,
    folder: Path,
    recipe: Recipe,
    sources: Sources,
    *,
    signer: ImageSigner | None,
    report: Report,
) -> tuple[dict[int, bytes], Platform, dict[str, str]]:
    """Write an image into an open file, with `folder` for what is large meanwhile.

    Returns its registers, what it is for, and what it did not take over.
    """
    _check_purpose(recipe, sources)
    kernel = _needed(sources.kernel or recipe.kernel, "kernel", "kernel.file")
    runtime = _needed(sources.runtime or recipe.runtime, "runtime", "runtime.file")
    metadata = _metadata(recipe, kernel_version(kernel, recipe.architecture))
    check_runtime(runtime, recipe.architecture)
    command_line = command_line_of(runtime)
    check_command_line(recipe.command_line, command_line)
    with Contents(folder) as contents:
        unpacking = Unpacking(
            tree=Tree(),
            contents=contents,
            budget=Budget(),
            keeps_owners=sources.container is not None,
            keeps_links=sources.container is None,
        )
        unpack = _unpack_functions if sources.container is None else _unpack_program
        files = unpack(recipe, sources, runtime, unpacking, report)
        ramdisks = [platform_ramdisk(runtime, files), rootfs_ramdisk(unpacking.tree)]
        total = sum(path.stat().st_size for path in (kernel, runtime)) + unpacking.tree.size
        report(Progress("write", 0, total))
        output = Path(f"/dev/fd/{file.fileno()}")
        pcrs = write_image(
            output,
            recipe.architecture,
            recipe.memory_mib << 20,
            recipe.cpus,
            command_line,
            json.dumps(metadata, ensure_ascii=False),
            kernel,
            ramdisks,
            signer,
            lambda done: report(Progress("write", min(done, total), total)),
        )
        check_cuts(output)
    return pcrs, platform_of_files(files), unpacking.dropped


def _needed(path: Path | None, what: str, key: str) -> Path:
    if path is None:
        raise ConfigError(
            f"nothing says which {what} the image has",
            hint=f"--{what} FILE names it, or {key} in image.toml",
        )
    return path


def _check_purpose(recipe: Recipe, sources: Sources) -> None:
    """Refuse what the image has no use for: it serves functions, or it runs a container."""
    of_functions = {
        "packages": recipe.packages or sources.package_folder,
        "settings": sources.settings or recipe.settings,
        "a vault's key": _vault_key(recipe, sources),
    }
    given = [what for what, value in of_functions.items() if value is not None]
    if sources.container is not None and given:
        raise ConfigError(
            f"an image of a container has no {given[0]}",
            hint="leave out one of both: it runs the program of the container, and nothing else",
        )
    if sources.container is None and sources.reference is not None:
        raise ConfigError(
            f"there is {sources.reference!r}, a name of a container image, and no container image",
            hint="--oci FILE is where the name is looked for",
        )
    if sources.package_folder is not None and recipe.packages is None:
        raise ConfigError(
            f"{sources.package_folder} is for packages' files, and the recipe wants none",
            hint="[packages] in image.toml says which packages the image has",
        )


def _vault_key(recipe: Recipe, sources: Sources) -> Path | None:
    return sources.insecure_vault_key or recipe.insecure_vault_key


def _unpack_functions(
    recipe: Recipe, sources: Sources, runtime: Path, unpacking: Unpacking, report: Report
) -> dict[str, bytes]:
    """Unpack an image that serves functions, and return what its first process reads."""
    settings = _needed(sources.settings or recipe.settings, "settings", "runtime.settings")
    files = {SETTINGS: _content(settings, "settings")}
    key = _vault_key(recipe, sources)
    if key is not None:
        files[VAULT_KEY] = _content(key, "vault's key")
    needs = check_served(runtime, files[SETTINGS], settings, key)
    if recipe.packages is not None:
        unpack_packages(
            recipe.packages, recipe.architecture, sources.package_folder, unpacking, report
        )
    add_files(unpacking.tree, recipe.files)
    if needs is not None:
        check_interpreter(unpacking.tree, needs)
    return files


def _unpack_program(
    recipe: Recipe, sources: Sources, runtime: Path, unpacking: Unpacking, report: Report
) -> dict[str, bytes]:
    """Unpack an image of a container, and return what its first process reads."""
    path, tree = only(Path, "container", sources.container), unpacking.tree
    image = unpack_container(path, sources.reference, recipe.architecture, unpacking, report)
    program = program_of(image.configuration, tree, str(path))
    prepare(tree, program)
    add_files(tree, recipe.files)
    check_program(runtime, program.to_json())
    return {PROGRAM: program.to_json()}


def _content(path: Path, what: str) -> bytes:
    try:
        check_regular(path)
    except FileNotFoundError:
        raise no_file(what, path) from None
    content = read_bytes(path)
    if content is None:
        raise no_file(what, path)
    return content


def _metadata(recipe: Recipe, kernel: str) -> dict[str, Any]:
    """Return what people want to know, which nothing decides by (docs/spec/image.md, metadata)."""
    return {
        "ImageName": recipe.name,
        "ImageVersion": recipe.version,
        "BuildMetadata": {
            "BuildTime": show_time(datetime.fromtimestamp(_build_seconds(), UTC)),
            "BuildTool": _TOOL,
            "BuildToolVersion": pycape.__version__,
            "OperatingSystem": "Linux",
            "KernelVersion": kernel,
        },
        "DockerInfo": None,
        "CustomMetadata": recipe.metadata,
    }


def _build_seconds() -> int:
    text = os.environ.get(_EPOCH_VARIABLE, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LATEST))):
        raise ConfigError(
            f"{_EPOCH_VARIABLE} is {text[:40]!r}",
            hint="it is a number of seconds since 1970, or not set",
        )
    return min(int(text), _LATEST)
