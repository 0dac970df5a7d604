"""cape console."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._extras import extra

if TYPE_CHECKING:
    from pycape.console import Console


@click.command("console", cls=CapeCommand, example="cape console")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="The page's port on 127.0.0.1; a free one by default.",
)
@click.option("--open", "in_browser", is_flag=True, help="Open it in the browser.")
@pass_context
def command(context: Context, port: int, in_browser: bool) -> None:
    """Show your platform in a browser, until Ctrl-C.

    Functions and their checksums, what the enclave proves, keys and epochs, and calls made from the
    page, phase by phase with their logs. It is served to this machine only, and to whoever has the
    address that is printed: it acts as you do, so give it to nobody.
    """
    with extra("local"):
        from pycape.console import Console  # noqa: PLC0415
        from pycape.local import interrupted_by_signals  # noqa: PLC0415

    console = Console(context.url, profile=context.profile, port=port)
    try:
        with interrupted_by_signals(), console:
            _announce(context, console)
            if in_browser:
                _open(context, console)
            threading.Event().wait()
    except KeyboardInterrupt:
        pass


def _announce(context: Context, console: Console) -> None:
    data = {"console": console.entrance, "url": console.platform_url}
    text = (
        f"a page about {console.platform_url}; Ctrl-C ends it\n\n  {console.entrance}\n\n"
        "whoever opens it acts as you do: give the address to nobody"
    )
    context.result(data, text, console.entrance)
    sys.stdout.flush()


def _open(context: Context, console: Console) -> None:
    import webbrowser  # noqa: PLC0415 - few ask for it

    # What a browser is started with can be read by everybody on this machine.
    if not webbrowser.open(console.entrance_for_one):
        context.note("there is no browser to open it with: open the address yourself")
