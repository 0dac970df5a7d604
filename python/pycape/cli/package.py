"""cape package."""

from __future__ import annotations

import click

from pycape.cli._command import CapeCommand, Context, shared
from pycape.cli._progress import Progress

_MIB = 1 << 20


@click.command("package", cls=CapeCommand)
@click.argument("folder")
@click.option("-o", "--output", metavar="FILE", help="Where to write the bundle.")
@click.option("--into", metavar="DIR", help="Leave the bundle's content in a new folder.")
@click.option("--python", metavar="VERSION", help="The enclave's Python; else the profile's.")
@click.option("--platform", metavar="TAG", help="The enclave's platform; else the profile's.")
@shared
def command(
    context: Context,
    folder: str,
    output: str | None,
    into: str | None,
    python: str | None,
    platform: str | None,
) -> None:
    """Pack a function and show what would be deployed; nothing is sent.

    cape package functions/echo

    The same folder with the same lock file gives the same bytes on every machine.
    """
    from pycape._config import Config  # noqa: PLC0415 - `cape --help` does without
    from pycape.packaging import package  # noqa: PLC0415

    if python is None or platform is None:
        profile = Config(url=context.url, profile=context.profile).require_profile()
        python, platform = python or profile.python, platform or profile.platform
    with (
        Progress(context) as progress,
        package(
            folder,
            python=python,
            platform=platform,
            output=output,
            into=into,
            progress=progress.report,
        ) as bundle,
    ):
        data = {
            "bundle_sha256": bundle.sha256,
            "bundle_size": bundle.size,
            "files": len(bundle.files),
            "handler": bundle.handler,
            "python": bundle.python,
            "platform": bundle.platform,
            "largest": [
                {"name": entry.name, "size": entry.size}
                for entry in sorted(bundle.files, key=lambda entry: -entry.size)[:10]
            ],
        }
    rows = "\n".join(
        f"{entry['size'] / _MIB:9.2f} MiB  {entry['name']}" for entry in data["largest"]
    )
    text = (
        f"{rows}\n{bundle.size / _MIB:9.2f} MiB  in all, {len(bundle.files)} files\n\n"
        f"bundle sha256  {bundle.sha256}\nhandler        {bundle.handler}\n"
        f"python         {python} on {platform}"
    )
    context.result(data, text, bundle.sha256)
