"""cape image build, lock, sign: what makes images."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycape._system_errors import lacks_room
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import existing, existing_file, no_output
from pycape.cli._image_facts import insecurities, platform_as_json
from pycape.cli._options import file_option, yes_option
from pycape.cli._outputs import check_outputs
from pycape.cli._progress import OF_IMAGES, Progress
from pycape.cli._streams import STDOUT
from pycape.cli._text import fields, hanging, measurements

if TYPE_CHECKING:
    from pycape.images import BuiltImage, ImageSigner, Recipe

_RECIPE = "image.toml"


def _signing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--sign-key", metavar="FILE", help="Sign with this key on P-384 (PEM)."),
        click.option("--sign-cert", metavar="FILE", help="The key's certificate (PEM)."),
    ]
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), function)


def _output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return file_option(function, "Where the image goes; needed.")


@click.command(
    "build",
    cls=CapeCommand,
    example="cape image build image.toml -o cape.eif --kernel bzImage --runtime cape-enclave",
)
@click.argument("recipe", metavar="[IMAGE.TOML]", required=False)
@_output_option
@click.option("--kernel", metavar="FILE", help="The kernel, a bzImage.")
@click.option("--runtime", metavar="FILE", help="The first process: a static cape-enclave.")
@click.option("--settings", metavar="FILE", help="The runtime's settings, which are measured.")
@click.option("--packages", metavar="DIR", help="Packages' files are here; nothing is fetched.")
@click.option(
    "--oci",
    metavar="FILE",
    help="Of a container image: an OCI layout (a folder or a tar), or of `docker save`.",
)
@click.option("--image", "reference", metavar="NAME", help="With --oci: which, if it has several.")
@click.option(
    "--insecure-vault-key",
    metavar="FILE",
    help="A vault's key, for development: whoever has the image has it.",
)
@_signing_options
@click.option("--reproduce", is_flag=True, help="Build it twice, elsewhere, and compare.")
@yes_option
@pass_context
def build(
    context: Context,
    /,
    *,
    recipe: str | None,
    output: str | None,
    sign_key: str | None,
    sign_cert: str | None,
    reproduce: bool,
    **given: str | None,
) -> None:
    """Build an enclave image, of packages or of a container image.

    image.toml says what is in it, and is looked for here unless there is --oci. What is given on
    the line goes before what it says. The same sources give the same bytes, on every machine.
    """
    target = _checked_output(output, "the image")
    names = {name: value for name, value in given.items() if name != "reference"}
    inputs = [*names.values(), recipe, sign_key, sign_cert]
    check_outputs(context, {"the image": target}, inputs=inputs)
    from pycape.images import Sources, check_reproduced  # noqa: PLC0415 - help does without
    from pycape.images import build as build_image  # noqa: PLC0415

    signer = _signer(sign_key, sign_cert)
    said = _recipe(recipe, given["oci"])
    sources = Sources(
        kernel=_path(given["kernel"]),
        runtime=_path(given["runtime"]),
        settings=_path(given["settings"]),
        insecure_vault_key=_path(given["insecure_vault_key"]),
        container=_path(given["oci"]),
        reference=given["reference"],
        package_folder=_path(given["packages"]),
    )
    with _output_told(target), Progress(context, OF_IMAGES) as progress:
        built = build_image(said, target, sources=sources, signer=signer, progress=progress.report)
        if reproduce:
            check_reproduced(Path(target), said, sources=sources, progress=progress.report)
    for name, what in built.dropped.items():
        context.note(f"left out: {what}, of {name}")
    _warn(context, built)
    data = {**_facts(built), "dropped": dict(built.dropped), "reproduced": reproduce}
    told = _in_words(built, reproduced=reproduce)
    context.result(data, told, built.pcrs[0].hex())


@click.command("lock", cls=CapeCommand, example="cape image lock image.toml")
@click.argument("recipe", metavar="[IMAGE.TOML]", required=False)
@pass_context
def lock(context: Context, recipe: str | None) -> None:
    """Resolve the Debian packages that an image.toml wants, and write its lock file.

    They are those that this machine's apt would install on a machine that has none. `apt-get
    update` refreshes what it knows.
    """
    from pycape.images import lock_packages  # noqa: PLC0415 - `cape --help` does without

    said = _read_recipe(recipe, "name one")
    with Progress(context, OF_IMAGES) as progress:
        locked = lock_packages(said, progress=progress.report)
    file = str(said.packages.lock) if said.packages else ""
    packages = [
        {"name": each.name, "version": each.version, "sha256": each.sha256, "size": each.size}
        for each in locked.packages
    ]
    shown = {"lock": file, "packages": f"{len(packages)}, {locked.size:,} bytes"}
    context.result({"file": file, "packages": packages}, fields(shown), file)


@click.command(
    "sign",
    cls=CapeCommand,
    example="cape image sign cape.eif -o signed.eif --sign-key key.pem --sign-cert cert.pem",
)
@click.argument("file")
@_output_option
@_signing_options
@yes_option
@pass_context
def sign(
    context: Context,
    *,
    file: str,
    output: str | None,
    sign_key: str | None,
    sign_cert: str | None,
) -> None:
    """Sign an image that was built without a key: another file, of the same PCR0, 1 and 2."""
    target = _checked_output(output, "the signed image")
    source = existing_file(file)
    check_outputs(context, {"the signed image": target}, inputs=[file, sign_key, sign_cert])
    from pycape.images import sign as sign_image  # noqa: PLC0415 - `cape --help` does without

    signer = _signer(sign_key, sign_cert)
    if signer is None:
        raise UsageError(
            "nothing says who signs", hint="--sign-key FILE and --sign-cert FILE say it"
        )
    with _output_told(target), Progress(context, OF_IMAGES) as progress:
        signed = sign_image(source, target, signer, progress=progress.report)
    _warn(context, signed)
    context.result(_facts(signed), _in_words(signed), signed.pcrs[8].hex())


def _checked_output(output: str | None, what: str) -> str:
    if output is None:
        raise UsageError(f"nothing says where {what} goes", hint="-o FILE")
    if output == STDOUT:
        raise UsageError(f"{what} does not go to stdout", hint="-o FILE says where it goes")
    return output


@contextmanager
def _output_told(output: str) -> Iterator[None]:
    """Tell of an image that cannot be written as other commands do."""
    from pycape.errors import ImageError  # noqa: PLC0415 - `cape --help` does without

    try:
        yield
    except ImageError as error:
        cause = error.__cause__
        if isinstance(cause, OSError) and _is_of(output, cause):
            raise no_output(output, cause) from error
        raise


def _is_of(output: str, error: OSError) -> bool:
    """Tell whether an error is of the image, or of what is beside it while it is made."""
    if not isinstance(error.filename, str):
        return lacks_room(error)
    place = Path(output).resolve()
    return Path(error.filename).resolve() in {place, place.parent}


def _recipe(name: str | None, container: str | None) -> Recipe:
    """Return what an image.toml says; of a container image alone what there is to be said."""
    from pycape.images import Recipe  # noqa: PLC0415 - `cape --help` does without

    if name is None and container is not None:
        existing(container)
        stem = re.sub(r"[^a-zA-Z0-9._+-]", "-", Path(container).absolute().stem).strip(".-+_")
        return Recipe(name=stem[:64] or "container", version="0")
    return _read_recipe(name, "name one, or a container image with --oci FILE")


def _read_recipe(name: str | None, hint: str) -> Recipe:
    from pycape.images import read_recipe  # noqa: PLC0415 - `cape --help` does without

    if name is None and not Path(_RECIPE).is_file():
        raise UsageError(f"there is no {_RECIPE} here, and none was named", hint=hint)
    return read_recipe(existing_file(name or _RECIPE))


def _signer(key: str | None, certificate: str | None) -> ImageSigner | None:
    if key is None and certificate is None:
        return None
    if key is None or certificate is None:
        missing = "--sign-key" if key is None else "--sign-cert"
        raise UsageError(f"{missing} is missing", hint="a key and its certificate sign together")
    from pycape.images import load_signer  # noqa: PLC0415 - `cape --help` does without

    return load_signer(existing_file(key), existing_file(certificate))


def _path(name: str | None) -> Path | None:
    return None if name is None else existing(name)


def _warn(context: Context, built: BuiltImage) -> None:
    for warning in insecurities("this image", built.platform):
        context.note(warning)


def _facts(built: BuiltImage) -> dict[str, Any]:
    return {
        "file": str(built.path),
        "size": built.size,
        "pcrs": {str(index): value.hex() for index, value in built.pcrs.items()},
        "platform": platform_as_json(built.platform),
    }


def _in_words(built: BuiltImage, *, reproduced: bool = False) -> str:
    shown: Mapping[str, Any] = {
        "image": built.path,
        "size": f"{built.size:,} bytes",
        "built twice": "the same bytes" if reproduced else None,
    }
    lines = [fields(shown), measurements(built.pcrs)]
    if not any(built.pcrs[8]):
        lines.append(hanging("not signed, so PCR8 is zero"))
    return "\n".join(lines)
