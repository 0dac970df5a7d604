"""cape deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pycape.cli._bundles import content_of, dry_run_option, facts_of, in_full
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import existing
from pycape.cli._progress import Progress
from pycape.cli._text import fields

if TYPE_CHECKING:
    from pathlib import Path


@click.command("deploy", cls=CapeCommand, example="cape deploy functions/echo")
@click.argument("folder")
@click.option("-n", "--name", metavar="NAME", help="The function's name; else the folder's.")
@dry_run_option
@pass_context
def command(context: Context, *, folder: str, name: str | None, dry_run: bool) -> None:
    """Deploy a folder with app.py as a function.

    The folder, or a zip of one, is packed with its dependencies, sealed for an enclave that has
    proved what it is, and stored so that only such enclaves can open it. What `-o json` prints is
    what `cape run` and FunctionRef.from_json read.
    """
    _check_name(name)
    path = existing(folder)
    if dry_run:
        _tell(context, path, name)
        return
    with context.client() as cape, Progress(context) as progress:
        ref = cape.deploy(path, name=name, progress=progress.report)
    data = {
        "function_id": ref.id,
        "function_name": ref.full_name,
        "function_checksum": ref.checksum,
        "account": ref.account,
    }
    text = fields({"function id": ref.id, "checksum": ref.checksum, "name": ref.name})
    context.result(data, text, ref.id)


def _check_name(name: str | None) -> None:
    from pycape._function_names import check_function_name  # noqa: PLC0415 - help does without

    try:
        check_function_name(name)
    except ValueError as error:
        raise UsageError(
            str(error), hint="without -n, the folder's name is made into one"
        ) from error


def _tell(context: Context, folder: Path, name: str | None) -> None:
    """Tell what would be sent."""
    from pycape._function_names import default_name  # noqa: PLC0415 - as below
    from pycape.packaging import package  # noqa: PLC0415 - `cape --help` does without

    profile = context.config().require_profile()
    with (
        Progress(context) as progress,
        package(
            folder,
            python=profile.python,
            platform=profile.platform,
            write_lock=False,
            progress=progress.report,
        ) as bundle,
    ):
        chosen = default_name(folder, name, bundle.settings.name)
        data = {"name": chosen, **facts_of(bundle), "file": None, **content_of(bundle)}
        text = in_full(bundle, chosen)
    context.result(data, text, data["bundle_sha256"])
