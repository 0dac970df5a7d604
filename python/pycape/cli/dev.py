"""cape dev."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._extras import extra
from pycape.cli._files import existing

if TYPE_CHECKING:
    from pycape.console import Console
    from pycape.local import LocalPlatform


@click.command("dev", cls=CapeCommand, example="cape dev")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="The control plane's port, 8970 by default; 0 takes a free one.",
)
@click.option("--data-dir", metavar="DIR", help="Where its state is kept; else CAPE_DATA_DIR.")
@click.option(
    "--watch",
    "folders",
    metavar="FOLDER",
    multiple=True,
    help="Deploy a function now, and whenever its folder changes; may be given again.",
)
@click.option(
    "--no-console", "without_console", is_flag=True, help="Serve no page about it (cape console)."
)
@pass_context
def command(
    context: Context,
    *,
    port: int | None,
    data_dir: str | None,
    folders: tuple[str, ...],
    without_console: bool,
) -> None:
    """Run a platform on this machine, until Ctrl-C.

    Its enclave is a process with a simulated security module, which signs real attestation
    documents under a root of this machine's own. It keeps nothing from this machine's
    administrator; everything else is what runs in a real enclave.
    """
    paths = [existing(folder) for folder in folders]
    with extra("local"):
        from pycape.cli._watch import watching  # noqa: PLC0415
        from pycape.console import Console  # noqa: PLC0415
        from pycape.local import DEFAULT_PORT, LocalPlatform, Runs  # noqa: PLC0415
        from pycape.policy import Policy  # noqa: PLC0415
        from pycape.server import log_to  # noqa: PLC0415

    if context.verbose:
        log_to(sys.stderr)
    runs = None if without_console else Runs()
    platform = LocalPlatform(
        data_folder=Path(data_dir) if data_dir else None,
        port=DEFAULT_PORT if port is None else port,
        runs=runs,
    )

    def console_of(started: LocalPlatform) -> Console:
        return Console(
            started.url,
            profile=started.profile.name,
            policy=Policy.from_toml(started.profile.policy_toml),
            metrics_url=lambda: started.enclave_url,
            runs=runs,
        )

    @contextmanager
    def meanwhile(started: LocalPlatform) -> Iterator[None]:
        with nullcontext() if without_console else console_of(started) as console:
            _announce(context, started, console)
            with watching(context, started.profile.name, paths):
                yield

    platform.run(meanwhile=meanwhile)


def _announce(context: Context, platform: LocalPlatform, console: Console | None) -> None:
    from pycape.local.seed import seed  # noqa: PLC0415 - the extra `local`

    account = seed(platform)
    name = platform.profile.name
    default = context.config().profile_name.value == name
    use = "" if default else f" --profile {name}"
    data = {
        "url": platform.url,
        "profile": name,
        "profile_path": str(platform.profile_path),
        "default_profile": default,
        "development": True,
        "capedocs": account,
        "health": [f"{platform.url}/readyz", f"{platform.enclave_url}/readyz"],
        "metrics": [f"{platform.url}/metrics", f"{platform.enclave_url}/metrics"],
        "openapi": f"{platform.url}/openapi.json",
        "console": None if console is None else console.entrance,
    }
    page = "" if console is None else f"its console, for a browser:\n  {console.entrance}\n\n"
    text = (
        f"a platform runs at {platform.url}, as profile {name}; Ctrl-C ends it\n\n"
        f"  cape{use} encrypt 'hello world'\n"
        f"  cape{use} deploy FOLDER\n"
        f"  cape{use} encrypt --recipient capedocs 'hello'\n\n"
        f"{page}"
        "how it does: /readyz and /metrics\n"
        f"  control plane  {platform.url} (described at /openapi.json)\n"
        f"  enclave        {platform.enclave_url}"
    )
    context.result(data, text, platform.url)
    sys.stdout.flush()
