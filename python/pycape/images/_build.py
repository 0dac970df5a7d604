"""The way from a recipe, or a container image, to an image file."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pycape
from pycape._arguments import only_path, only_progress, only_text
from pycape._clock import show_time
from pycape._core import ImageSigner, write_image
from pycape._files import no_file, read_bytes
from pycape._whole_file import whole_file
from pycape.errors import ConfigError
from pycape.images._arguments import only
from pycape.images._budget import Budget
from pycape.images._contents import Contents
from pycape.images._kernel import kernel_version
from pycape.images._layers import Unpacking
from pycape.images._program import prepare, program_of
from pycape.images._progress import Progress, silent
from pycape.images._ramdisks import add_files, platform_ramdisk, rootfs_ramdisk
from pycape.images._recipe import Recipe
from pycape.images._rootfs import unpack_container, unpack_packages
from pycape.images._runtime import check_command_line, check_runtime, command_line_of
from pycape.images._system import as_our_errors
from pycape.images._tree import Tree

if TYPE_CHECKING:
    from pycape.images._container import ContainerImage
    from pycape.images._progress import Report

_TOOL = "cape image build"
_VAULT_KEY = "vault.key"
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
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None:
                check = only_text if each.name == "reference" else only_path
                object.__setattr__(self, each.name, check(each.name, value))


@dataclass(frozen=True)
class BuiltImage:
    """An image file: its registers (48 bytes each), and by name what it did not take over."""

    path: Path
    size: int
    pcrs: Mapping[int, bytes]
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
    _check_purpose(recipe, sources)
    kernel = _needed(sources.kernel or recipe.kernel, "kernel", "file")
    runtime = _needed(sources.runtime or recipe.runtime, "runtime", "file")
    with as_our_errors():
        metadata = _metadata(recipe, kernel_version(kernel, recipe.architecture))
        check_runtime(runtime, recipe.architecture)
        command_line = command_line_of(runtime)
        check_command_line(recipe.command_line, command_line)
        folder = output.absolute().parent
        with tempfile.TemporaryDirectory(prefix=".cape-image-", dir=folder) as staging:
            unpacking = Unpacking(
                tree=Tree(),
                contents=Contents(Path(staging)),
                budget=Budget(),
                keeps_owners=sources.container is not None,
                keeps_links=sources.container is None,
            )
            if sources.container is None:
                files = _serving(recipe, sources, unpacking, report)
            else:
                image = unpack_container(
                    sources.container, sources.reference, recipe.architecture, unpacking, report
                )
                files = {"program.json": _program(image, unpacking.tree, str(sources.container))}
            add_files(unpacking.tree, recipe.files)
            ramdisks = [platform_ramdisk(runtime, files), rootfs_ramdisk(unpacking.tree)]
            total = sum(path.stat().st_size for path in (kernel, runtime)) + unpacking.tree.size
            report(Progress("write", 0, total))
            with whole_file(output, mode=0o600 if _VAULT_KEY in files else 0o666) as file:
                pcrs = write_image(
                    f"/dev/fd/{file.fileno()}",
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
        return BuiltImage(output, output.stat().st_size, pcrs, unpacking.dropped)


def _needed(path: Path | None, table: str, key: str) -> Path:
    if path is None:
        raise ConfigError(
            f"nothing says which {table} the image has",
            hint=f"--{table} FILE names it, or {key} in image.toml",
        )
    return path


def _check_purpose(recipe: Recipe, sources: Sources) -> None:
    """Refuse what the image has no use for: it serves functions, or it runs a container."""
    of_functions = {
        "packages": recipe.packages or sources.package_folder,
        "settings": sources.settings or recipe.settings,
        "a vault's key": sources.insecure_vault_key or recipe.insecure_vault_key,
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


def _serving(
    recipe: Recipe, sources: Sources, unpacking: Unpacking, report: Report
) -> dict[str, bytes]:
    """Unpack the packages of an image that serves functions, and return what its runtime reads."""
    settings = _needed(sources.settings or recipe.settings, "settings", "settings")
    files = {"settings.toml": _content(settings, "settings")}
    key = sources.insecure_vault_key or recipe.insecure_vault_key
    if key is not None:
        files[_VAULT_KEY] = _content(key, "vault's key")
    _check_settings(settings, files["settings.toml"], has_key=key is not None)
    if recipe.packages is not None:
        unpack_packages(
            recipe.packages, recipe.architecture, sources.package_folder, unpacking, report
        )
    return files


def _program(image: ContainerImage, tree: Tree, where: str) -> bytes:
    program = program_of(image.configuration, tree, where)
    prepare(tree, program)
    return program.to_json()


def _check_settings(path: Path, content: bytes, *, has_key: bool) -> None:
    """See that settings are TOML, and that no secret goes into an image for production."""
    try:
        mode = tomllib.loads(content.decode()).get("mode")
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} is not TOML: {error}", hint="deploy/image/settings.toml is an example"
        ) from error
    if has_key and mode != "development":
        raise ConfigError(
            f"a vault's key goes into an image whose mode is development, and {path} says {mode!r}",
            hint="leave the key out: whoever has the image has it",
        )


def _content(path: Path, what: str) -> bytes:
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
