"""cape token."""

from __future__ import annotations

from datetime import datetime, timezone

import click

from pycape.cli._command import CapeGroup, Context, shared
from pycape.cli._files import read_file


@click.group("token", cls=CapeGroup)
def command() -> None:
    """Let others run a function of yours.

    cape token create --function FUNCTION --name alice
    """


@command.command()
@click.option("--function", required=True, metavar="FUNCTION", help="The function to run.")
@click.option("--name", metavar="NAME", help="What the token is for.")
@click.option(
    "--expiry",
    default="30d",
    show_default=True,
    metavar="TIME",
    help="How long it holds: 300s, 12h, 30d; 90d at most.",
)
@click.option("-o", "--output", metavar="FILE", help="Write it to a file that only you can read.")
@shared
def create(
    context: Context, function: str, name: str | None, expiry: str, output: str | None
) -> None:
    """Make a token for one version of a function.

    cape token create --function FUNCTION --name alice --expiry 30d
    """
    with context.client() as cape:
        token = cape.create_token(function, expires=expiry, name=name)
    if output is not None:
        token.to_disk(output)
    claims = token.inspect()
    data = {
        "token": token.raw,
        "jti": claims.jti,
        "name": claims.name,
        "function_checksum": claims.checksum,
        "expires": _time(claims.expires),
    }
    context.result(data, output or token.raw, token.raw)


@command.command()
@click.argument("file")
@shared
def show(context: Context, file: str) -> None:
    """Show what a token says; its issuer's signature is checked.

    cape token show alice.token
    """
    from pycape import Token  # noqa: PLC0415 - `cape --help` does without

    claims = Token(read_file(file).decode()).inspect()
    data = {
        "jti": claims.jti,
        "name": claims.name,
        "account": claims.account,
        "function_checksum": claims.checksum,
        "issued_at": _time(claims.issued_at),
        "expires": _time(claims.expires),
    }
    width = max(map(len, data))
    rows = [f"{key:{width}}  {value}" for key, value in data.items() if value is not None]
    context.result(data, "\n".join(rows), claims.jti)


@command.command()
@click.argument("file")
@shared
def revoke(context: Context, file: str) -> None:
    """Take a token back.

    cape token revoke alice.token

    It takes effect within `revocation_max_age_s` where the function's settings have it; without,
    an operator who withholds the list can delay it until the token expires.
    """
    token = read_file(file).decode()
    with context.client() as cape:
        number = cape.revoke(tokens=[token])
    context.result({"revocation_list": number}, f"revoked: revocation list {number}", str(number))


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
