"""cape host admit, dismiss, list: which hosts may report to the control plane of this machine."""

from __future__ import annotations

from pathlib import Path

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._confirm import confirm
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._extras import extra
from pycape.cli._files import write_file
from pycape.cli._options import output_option, yes_option
from pycape.cli._outputs import check_outputs
from pycape.cli._text import table

_LONGEST_NAME = 63

_data_dir_option = click.option(
    "--data-dir", metavar="DIR", help="Where its state is kept; else CAPE_DATA_DIR."
)


@click.command("admit", cls=CapeCommand, example="cape host admit host-1 -o host.token")
@click.argument("host", metavar="HOST")
@_data_dir_option
@click.option(
    "--token-file",
    metavar="FILE",
    help="Take the token that another control plane made for it.",
)
@output_option
@yes_option
@pass_context
def admit(
    context: Context,
    *,
    host: str,
    data_dir: str | None,
    token_file: str | None,
    output: str | None,
) -> None:
    """Let a host report, by a token that is made for it.

    The token goes to the host, into the file that token_file of its host.toml names; what is kept
    here tells nobody what it is. Done again, it makes a new one: the last one counts beside it,
    until `cape host dismiss --earlier`. With -o it goes into a file that only you can read.
    """
    import secrets  # noqa: PLC0415 - `cape --help` does without

    _check_name(host)
    file = _admissions_file(data_dir)
    with extra("local"):
        from pycape.host.reports import read_token  # noqa: PLC0415
        from pycape.server import admissions  # noqa: PLC0415

    if token_file is not None:
        if output is not None:
            raise UsageError(
                "-o is for a token that is made here", hint="leave out -o or --token-file"
            )
        admissions.admit(file, host, read_token(Path(token_file)))
        context.result({"host": host, "file": token_file}, f"{host} may report", host)
        return
    check_outputs(context, {"the token": None if output == "-" else output}, inputs=())
    token = secrets.token_hex(32)
    if output in {None, "-"}:
        admissions.admit(file, host, token)
        context.result({"host": host, "token": token}, token, token)
        return
    write_file(str(output), f"{token}\n".encode(), secret=True)  # first: it is nowhere else
    admissions.admit(file, host, token)
    context.result({"host": host, "file": output}, f"{host} may report by {output}", output)


@click.command("dismiss", cls=CapeCommand, example="cape host dismiss host-1")
@click.argument("host", metavar="HOST")
@_data_dir_option
@click.option("--earlier", is_flag=True, help="Only the token before the one that it has now.")
@yes_option
@pass_context
def dismiss(context: Context, *, host: str, data_dir: str | None, earlier: bool) -> None:
    """Let a host report no more.

    No client is led to it from then on. What it serves at the moment goes on until its clients
    leave, or its agent is stopped.
    """
    file = _admissions_file(data_dir)
    with extra("local"):
        from pycape.server import admissions  # noqa: PLC0415

    if not earlier:
        confirm(context, f"lead no more clients to {host}?")
    admissions.dismiss(file, host, earlier_only=earlier)
    says = f"{host} has one token" if earlier else f"{host} may not report any more"
    context.result({"host": host, "admitted": earlier}, says, host)


@click.command("list", cls=CapeCommand, example="cape host list")
@_data_dir_option
@pass_context
def list_(context: Context, *, data_dir: str | None) -> None:
    """List the hosts that may report, and how many tokens each has."""
    file = _admissions_file(data_dir)
    with extra("local"):
        from pycape.server.admissions import admitted_hosts  # noqa: PLC0415

    hosts = {name: len(tokens) for name, tokens in sorted(admitted_hosts(file).items())}
    rows = [("host", "tokens"), *((name, str(tokens)) for name, tokens in hosts.items())]
    context.result(
        {"hosts": [{"host": name, "tokens": tokens} for name, tokens in hosts.items()]},
        table(rows, _LONGEST_NAME) if hosts else "no hosts",
        "\n".join(hosts),
    )


def _admissions_file(data_dir: str | None) -> Path:
    from pycape._config import data_dir as default_data_dir  # noqa: PLC0415

    with extra("local"):
        from pycape.local.state import StateFolder  # noqa: PLC0415

    return StateFolder(Path(data_dir or default_data_dir()).absolute() / "local").hosts


def _check_name(host: str) -> None:
    """Refuse what no host can be called."""
    with extra("local"):
        import msgspec  # noqa: PLC0415 - `cape --help` does without

        from pycape.server.messages import HostName  # noqa: PLC0415
    try:
        msgspec.convert(host, HostName)
    except msgspec.ValidationError as error:
        raise UsageError(
            f"{host!r:.100} is no host's name",
            hint="it has up to 63 lower-case letters, digits, dots and hyphens, as `name` of "
            "host.toml",
        ) from error
