"""cape host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pycape import _address
from pycape.cli._command import CapeCommand, CapeGroup, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._extras import extra
from pycape.cli._options import profile_name
from pycape.cli._text import fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from pycape.local.host import Host

_EXAMPLE = "cape host serve --data-dir /var/lib/cape --control https://cape.example.org"


@click.group("host", cls=CapeGroup, example=_EXAMPLE)
def command() -> None:
    """The machine that an enclave runs on."""


@command.command(cls=CapeCommand, example=_EXAMPLE)
@click.option("--data-dir", metavar="DIR", help="Where the state is kept; else CAPE_DATA_DIR.")
@click.option(
    "--name",
    default="cape",
    show_default=True,
    callback=profile_name,
    help="What its profile is called.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8970,
    show_default=True,
    help="The control plane's port on 127.0.0.1, for the proxy before it.",
)
@click.option(
    "--blobs",
    default="/run/cape/blobs.sock",
    show_default=True,
    metavar="SOCKET",
    help="Where the enclave finds its store.",
)
@click.option(
    "--control", metavar="URL", required=True, help="Where clients find this control plane."
)
@click.option(
    "--session", metavar="URL", help="Where clients find the enclave; else at /v2/session there."
)
@click.option(
    "--enclave",
    default="http://127.0.0.1:9464",
    show_default=True,
    metavar="URL",
    help="Where the enclave says how it does (its --operate).",
)
@pass_context
def serve(
    context: Context,
    *,
    data_dir: str | None,
    name: str,
    port: int,
    blobs: str,
    control: str,
    session: str | None,
    enclave: str,
) -> None:
    """Run the control plane, and the store of an enclave that somebody else starts.

    It serves HTTP on this machine only: a proxy before it has TLS for clients, and tells their
    addresses in X-Forwarded-For. Its log goes to stderr, lines of JSON.
    """
    from pycape._config import data_dir as default_data_dir  # noqa: PLC0415

    with extra("local"):
        from pycape.local.host import HostSettings, serve_host  # noqa: PLC0415
        from pycape.local.state import StateFolder  # noqa: PLC0415
        from pycape.server import log_to  # noqa: PLC0415

    url = _checked("--control", control, _address.control_plane, form="https://HOST")
    settings = HostSettings(
        name=name,
        url=url,
        session_url=_checked(
            "--session", session or _session(url), _address.enclave, form="wss://HOST/v2/session"
        ),
        enclave_url=_checked(
            "--enclave", enclave, _address.control_plane, form="http://127.0.0.1:PORT"
        ),
        port=port,
        blobs=Path(blobs).absolute(),
    )
    log_to(sys.stderr)
    state = StateFolder(Path(data_dir or default_data_dir()).absolute() / "local")
    serve_host(state, settings, lambda host: _announce(context, host))


def _checked(option: str, url: str, check: Callable[[str], str], *, form: str) -> str:
    try:
        return check(url)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", hint=f"{option} {form}") from error


def _session(url: str) -> str:
    return f"ws{url.removeprefix('http')}/v2/session"


def _announce(context: Context, host: Host) -> None:
    data = {
        "url": f"http://127.0.0.1:{host.port}",
        "vault": host.vault,
        "profile_path": str(host.profile),
    }
    shown = {"serves on": data["url"], "vault": host.vault, "profile": host.profile}
    context.result(data, fields(shown), data["url"])
    sys.stdout.flush()
