"""cape dev."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pycape.cli._command import CapeCommand, Context, shared

if TYPE_CHECKING:
    from pycape.local import LocalPlatform


@click.command("dev", cls=CapeCommand)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="The control plane's port; 0 takes a free one. [default: 8970]",
)
@click.option("--data-dir", metavar="DIR", help="Where its state is kept; else CAPE_DATA_DIR.")
@shared
def command(context: Context, port: int | None, data_dir: str | None) -> None:
    """Run a platform on this machine, until Ctrl-C.

    cape dev

    Its enclave is a process with a simulated security module, which signs real attestation
    documents under a root of this machine's own. It keeps nothing from this machine's
    administrator; everything else is what runs in a real enclave.
    """
    from pycape.local import DEFAULT_PORT, LocalPlatform  # noqa: PLC0415 - the extra `local`
    from pycape.server import log_to  # noqa: PLC0415

    if context.verbose:
        log_to(sys.stderr)
    platform = LocalPlatform(
        data_folder=Path(data_dir) if data_dir else None,
        port=DEFAULT_PORT if port is None else port,
    )
    platform.run(lambda started: _announce(context, started))


def _announce(context: Context, platform: LocalPlatform) -> None:
    from pycape.local.seed import seed  # noqa: PLC0415 - the extra `local`

    docs = seed(platform)
    data = {
        "url": platform.url,
        "profile": platform.profile.name,
        "profile_path": str(platform.profile_path),
        "development": True,
        "capedocs": docs.account,
    }
    text = (
        f"the local platform serves {platform.url} (profile {platform.profile.name}); "
        "Ctrl-C ends it\n\n"
        "  cape encrypt 'hello world'\n"
        "  cape deploy FOLDER\n"
        "  cape encrypt --recipient capedocs 'hello'"
    )
    context.result(data, text, platform.url)
    click.get_text_stream("stdout").flush()
