"""cape version."""

import platform

import click

import pycape
from pycape.cli._command import CapeCommand, Context, shared


@click.command("version", cls=CapeCommand)
@shared
def command(context: Context) -> None:
    """Print the version.

    cape version
    """
    python = platform.python_version()
    context.result(
        {"version": pycape.__version__, "python": python},
        f"cape {pycape.__version__} (Python {python})",
        pycape.__version__,
    )
