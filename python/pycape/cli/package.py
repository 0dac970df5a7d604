"""cape package."""

from __future__ import annotations

import click

from pycape.cli._bundles import content_of, dry_run_option, facts_of, in_full, in_short
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import existing
from pycape.cli._options import output_option, yes_option
from pycape.cli._outputs import check_outputs
from pycape.cli._progress import Progress


@click.command("package", cls=CapeCommand, example="cape package functions/echo")
@click.argument("folder")
@output_option
@yes_option
@click.option("--into", metavar="DIR", help="Leave the bundle's content in a new folder.")
@dry_run_option
@click.option("--python", metavar="VERSION", help="The enclave's Python; else the profile's.")
@click.option("--platform", metavar="TAG", help="The enclave's platform; else the profile's.")
@pass_context
def command(
    context: Context,
    *,
    folder: str,
    output: str | None,
    into: str | None,
    dry_run: bool,
    python: str | None,
    platform: str | None,
) -> None:
    """Pack a function and show what would be deployed; nothing is sent.

    The same folder with the same lock file gives the same bytes on every machine.
    """
    from pycape.packaging import package  # noqa: PLC0415 - `cape --help` does without

    if dry_run and (output or into):
        raise UsageError(f"--dry-run writes nothing, and {'-o' if output else '--into'} would")
    path = existing(folder)
    check_outputs(context, {"the bundle": output}, inputs=(folder,))
    if python is None or platform is None:
        profile = context.config().require_profile(
            "or name the enclave's: --python 3.11 --platform x86_64-manylinux_2_28"
        )
        python, platform = python or profile.python, platform or profile.platform
    with (
        Progress(context) as progress,
        package(
            path,
            python=python,
            platform=platform,
            output=output,
            into=into,
            write_lock=not dry_run,
            progress=progress.report,
        ) as bundle,
    ):
        data = {**facts_of(bundle), "file": output}
        if dry_run:
            data |= content_of(bundle)
        text = in_full(bundle) if dry_run else in_short(bundle)
    context.result(data, text, bundle.sha256)
