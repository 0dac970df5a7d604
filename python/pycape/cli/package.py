"""cape package."""

from __future__ import annotations

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._files import existing
from pycape.cli._options import force_option, output_option
from pycape.cli._outputs import check_outputs
from pycape.cli._progress import Progress
from pycape.cli._text import fields

_MIB = 1 << 20
_LARGEST = 10


@click.command("package", cls=CapeCommand, example="cape package functions/echo")
@click.argument("folder")
@output_option
@force_option
@click.option("--into", metavar="DIR", help="Leave the bundle's content in a new folder.")
@click.option("--python", metavar="VERSION", help="The enclave's Python; else the profile's.")
@click.option("--platform", metavar="TAG", help="The enclave's platform; else the profile's.")
@pass_context
def command(
    context: Context,
    *,
    folder: str,
    output: str | None,
    force: bool,
    into: str | None,
    python: str | None,
    platform: str | None,
) -> None:
    """Pack a function and show what would be deployed; nothing is sent.

    The same folder with the same lock file gives the same bytes on every machine.
    """
    from pycape.packaging import package  # noqa: PLC0415 - `cape --help` does without

    path = existing(folder)
    check_outputs({"the bundle": output}, inputs=(folder,), force=force)
    if python is None or platform is None:
        profile = context.config().require_profile()
        python, platform = python or profile.python, platform or profile.platform
    with (
        Progress(context) as progress,
        package(
            path,
            python=python,
            platform=platform,
            output=output,
            into=into,
            progress=progress.report,
        ) as bundle,
    ):
        largest = sorted(bundle.files, key=lambda entry: -entry.size)[:_LARGEST]
        data = {
            "bundle_sha256": bundle.sha256,
            "bundle_size": bundle.size,
            "files": len(bundle.files),
            "handler": bundle.handler,
            "python": bundle.python,
            "platform": bundle.platform,
            "file": output,
            "largest": [{"name": entry.name, "size": entry.size} for entry in largest],
        }
    sizes = [f"{entry.size / _MIB:9.2f} MiB  {entry.name}" for entry in largest]
    sizes.append(f"{bundle.size / _MIB:9.2f} MiB  in all, {len(bundle.files)} files")
    facts = {
        "bundle sha256": bundle.sha256,
        "handler": bundle.handler,
        "python": f"{bundle.python} on {bundle.platform}",
    }
    context.result(data, "\n".join([*sizes, "", fields(facts)]), bundle.sha256)
