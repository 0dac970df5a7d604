"""cape deploy."""

from __future__ import annotations

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._files import existing
from pycape.cli._progress import Progress
from pycape.cli._text import fields


@click.command("deploy", cls=CapeCommand, example="cape deploy functions/echo")
@click.argument("folder")
@click.option("-n", "--name", metavar="NAME", help="The function's name; else the folder's.")
@pass_context
def command(context: Context, folder: str, name: str | None) -> None:
    """Deploy a folder with app.py as a function.

    The folder, or a zip of one, is packed with its dependencies, sealed for an enclave that has
    proved what it is, and stored so that only such enclaves can open it. What `-o json` prints is
    what `cape run` and FunctionRef.from_json read.
    """
    path = existing(folder)
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
