"""cape deploy."""

from __future__ import annotations

import click

from pycape.cli._command import CapeCommand, Context, shared
from pycape.cli._progress import Progress


@click.command("deploy", cls=CapeCommand)
@click.argument("folder")
@click.option("-n", "--name", metavar="NAME", help="The function's name; else the folder's.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["plain", "json"]),
    default="plain",
    help="json: what `cape run` and FunctionRef.from_json read.",
)
@shared
def command(context: Context, folder: str, name: str | None, output: str) -> None:
    """Deploy a folder with app.py as a function.

    cape deploy functions/echo

    The folder is packed with its dependencies, sealed for an enclave that has proved what it is,
    and stored so that only such enclaves can open it.
    """
    with context.client() as cape, Progress(context) as progress:
        ref = cape.deploy(folder, name=name, progress=progress.report)
    data = {
        "function_id": ref.id,
        "function_name": ref.full_name,
        "function_checksum": ref.checksum,
        "account": ref.account,
    }
    if output == "json" and not context.json:
        click.echo(ref.to_json())
        return
    context.result(
        data,
        f"function id  {ref.id}\nchecksum     {ref.checksum}\nname         {ref.full_name}",
        ref.id,
    )
