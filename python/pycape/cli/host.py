"""cape host."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pycape import _address
from pycape.cli import _host_admissions, _host_agent
from pycape.cli._command import CapeCommand, CapeGroup, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._extras import extra
from pycape.cli._options import profile_name
from pycape.cli._text import fields

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pycape.local.host import Host
    from pycape.server import Placement

    Enclaves = Callable[[], AbstractContextManager[Placement]]

_EXAMPLE = "cape host serve --data-dir /var/lib/cape --control https://cape.example.org"


@click.group("host", cls=CapeGroup, example=_EXAMPLE)
def command() -> None:
    """The machine that an enclave runs on."""


for _command in (
    _host_agent.run,
    _host_agent.status,
    _host_agent.doctor,
    _host_agent.create_vault,
    _host_admissions.admit,
    _host_admissions.dismiss,
    _host_admissions.list_,
):
    command.add_command(_command)


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
    "--platform",
    metavar="FILE",
    help="The profile of a platform whose vault is in KMS; else the vault of the state.",
)
@click.option(
    "--hosts",
    is_flag=True,
    help="Lead clients to the hosts that report, of those that `cape host admit` let in.",
)
@click.option(
    "--session",
    metavar="URL",
    help="Where clients find the one enclave; else at /v2/session there.",
)
@click.option(
    "--enclave",
    metavar="URL",
    help="Where that one says how it does; else http://127.0.0.1:9464.",
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
    platform: str | None,
    hosts: bool,
    session: str | None,
    enclave: str | None,
) -> None:
    """Run the control plane, and the store of enclaves that somebody else starts.

    It serves HTTP on this machine only: a proxy before it has TLS for clients, and tells their
    addresses in X-Forwarded-For. Its log goes to stderr, lines of JSON.
    """
    from pycape._config import data_dir as default_data_dir  # noqa: PLC0415
    from pycape._profile import Profile  # noqa: PLC0415

    with extra("local"):
        from pycape.local.host import HostSettings, serve_host  # noqa: PLC0415
        from pycape.local.state import StateFolder  # noqa: PLC0415
        from pycape.server import log_to  # noqa: PLC0415

    url = _checked("--control", control, _address.control_plane, form="https://HOST")
    state = StateFolder(Path(data_dir or default_data_dir()).absolute() / "local")
    if not hosts:
        enclaves = _one_enclave(url, session, enclave)
    elif session is None and enclave is None:
        enclaves = _reporting_hosts(state.hosts)
    else:
        raise UsageError(
            "--hosts is for hosts that report, --session and --enclave for one that does not",
            hint="leave out one or the other",
        )
    settings = HostSettings(
        name=name,
        url=url,
        enclaves=enclaves,
        platform=None if platform is None else Profile.load(Path(platform)),
        port=port,
        blobs=Path(blobs).absolute(),
    )
    log_to(sys.stderr)
    serve_host(state, settings, lambda host: _announce(context, host))


def _one_enclave(url: str, session: str | None, enclave: str | None) -> Enclaves:
    """Return what asks the one enclave of this host, which somebody else starts."""
    from pycape.local.watched import WatchedPlacement  # noqa: PLC0415

    form = "wss://HOST/v2/session"
    session_url = _checked("--session", session or _session(url), _address.enclave, form=form)
    form = "http://127.0.0.1:PORT"
    enclave = enclave or "http://127.0.0.1:9464"
    enclave_url = _checked("--enclave", enclave, _address.control_plane, form=form)
    return lambda: WatchedPlacement(session_url, enclave_url)


def _reporting_hosts(file: Path) -> Enclaves:
    """Return what listens to hosts that report."""
    from pycape.server import Admissions, HostsPlacement, unix_time  # noqa: PLC0415

    admissions = Admissions(file)
    return lambda: nullcontext(HostsPlacement(admissions, unix_time))


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
