"""cape package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from pycape.cli._bundles import content_of, dry_run_option, facts_of, in_full, in_short
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import NoOutput, UsageError
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
        raise UsageError(
            f"--dry-run writes nothing, and {'-o' if output else '--into'} would",
            hint="leave out one of them",
        )
    path = existing(folder)
    check_outputs(context, {"the bundle": output}, inputs=(folder,))
    _check_new_or_empty(into)
    if python is None or platform is None:
        profile = context.config().require_profile(
            "or name the enclave's: --python 3.11 --platform x86_64-manylinux_2_28"
        )
        python, platform = python or profile.python, platform or profile.platform
    with (
        _outputs_told(output, into),
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


def _check_new_or_empty(into: str | None) -> None:
    path = None if into is None else Path(into)
    if path is not None and (path.is_file() or (path.is_dir() and any(path.iterdir()))):
        raise NoOutput(
            f"{into} is there already",
            hint="name a new folder, or an empty one; nothing was written",
        )


@contextmanager
def _outputs_told(output: str | None, into: str | None) -> Iterator[None]:
    """Tell of an output that cannot be written as other commands do."""
    from pycape.errors import PackagingError  # noqa: PLC0415 - `cape --help` does without

    places = [] if output is None else [Path(output).absolute().parent]
    places += [] if into is None else [Path(into).absolute()]
    try:
        yield
    except PackagingError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError) or cause.filename is None:
            raise
        file = Path(cause.filename).absolute()
        if not any(file.is_relative_to(place) for place in places):
            raise
        raise NoOutput(str(error), hint=error.hint) from error
