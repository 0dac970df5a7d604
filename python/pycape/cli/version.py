"""cape version."""

import platform

import click

import pycape
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context


@click.command("version", cls=CapeCommand, example="cape version")
@pass_context
def command(context: Context) -> None:
    """Print the version."""
    python = platform.python_version()
    context.result(
        {"version": pycape.__version__, "python": python},
        f"cape {pycape.__version__} (Python {python})",
        pycape.__version__,
    )
