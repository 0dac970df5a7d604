"""cape token."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from pycape._clock import show_time
from pycape.cli._command import CapeCommand, CapeGroup, pass_context
from pycape.cli._confirm import confirm
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import file_of_function, write_file
from pycape.cli._old import token_delete
from pycape.cli._options import output_option, yes_option
from pycape.cli._outputs import check_outputs
from pycape.cli._text import fields, table
from pycape.cli._token_files import read_own_token, read_token

if TYPE_CHECKING:
    from pycape import Cape
    from pycape.tokens import IssuedToken

# With two columns of that, what is listed fits 79 characters; a jti that we made has as many.
_LONGEST_CELL = 22
_LABELS = {"function_checksum": "function", "issued_at": "issued"}

# Spec: docs/spec/trust.md, token.
_NAME = re.compile(rb"[^\x00-\x1f\x7f]{1,128}")


# One that we made, where it begins as an option does: there is none of that length.
_JTI_LIKE_AN_OPTION = re.compile(r"-[A-Za-z0-9_-]{21}")


class _TakesJti(CapeCommand):
    """A command whose argument may be a jti."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        jtis = [each for each in args if _JTI_LIKE_AN_OPTION.fullmatch(each)]
        if jtis and "--" not in args:
            args = [*(each for each in args if each not in jtis), "--", *jtis]
        return super().parse_args(ctx, args)


@click.group("token", cls=CapeGroup, example="cape token create --function FUNCTION --name alice")
def command() -> None:
    """Let others run a function of yours."""


command.add_command(token_delete)


@command.command(example="cape token create --function FUNCTION --name alice --expiry 30d")
@click.option("--function", required=True, metavar="FUNCTION", help="The function to run.")
@click.option("--name", metavar="NAME", help="What the token is for.")
@click.option(
    "--expiry",
    default="30d",
    show_default=True,
    metavar="TIME",
    help="How long it holds: 300s, 12h, 30d; 90d at most.",
)
@output_option
@yes_option
@pass_context
def create(
    context: Context,
    *,
    function: str,
    name: str | None,
    expiry: str,
    output: str | None,
) -> None:
    """Make a token for one version of a function.

    With -o it goes into a file that only you can read.
    """
    if name is not None and not _NAME.fullmatch(name.encode()):
        raise UsageError(
            f"--name is no token's name: {name[:60]!r}",
            hint="it has 1 to 128 bytes, without control characters",
        )
    check_outputs(
        context,
        {"the token": None if output == "-" else output},
        inputs=(file_of_function(function),),
    )
    with context.client() as cape:
        seconds_or_text = int(expiry) if expiry.isdecimal() else expiry
        token = cape.create_token(function, expires=seconds_or_text, name=name)
    claims = token.inspect()
    data = {
        "token": token.raw,
        "jti": claims.jti,
        "name": claims.name,
        "function_checksum": claims.checksum,
        "expires": _time(claims.expires),
    }
    if output in {None, "-"}:
        context.result(data, token.raw, token.raw)
        return
    write_file(str(output), f"{token.raw}\n".encode(), secret=True)
    del data["token"]
    context.result({**data, "file": output}, f"{output}, until {data['expires']}", output)


@command.command("list", example="cape token list")
@click.option(
    "--function", metavar="FUNCTION", help="Those for one version (its id), or for all (user/name)."
)
@pass_context
def list_(context: Context, function: str | None) -> None:
    """List the tokens that you made on this machine, the last one first.

    One that has no name goes by its jti. Expired ones are listed for 30 days. No token is kept, and
    whoever was given one has it.
    """
    with context.client() as cape:
        tokens = cape.tokens()
        if function is not None:
            tokens = _of_function(cape, tokens, function)
    context.result(
        {"tokens": [_facts(token) for token in tokens]},
        _table(tokens) or "no tokens",
        "\n".join(token.jti for token in tokens),
    )


@command.command(example="cape token show alice.token")
@click.argument("file")
@pass_context
def show(context: Context, file: str) -> None:
    """Show what a token says; its issuer's signature is checked. - is stdin."""
    claims = read_token(context, file).inspect()
    data = {
        "jti": claims.jti,
        "name": claims.name,
        "account": claims.account,
        "function_checksum": claims.checksum,
        "issued_at": _time(claims.issued_at),
        "expires": _time(claims.expires),
    }
    shown = {_LABELS.get(name, name): value for name, value in data.items()}
    context.result(data, fields(shown), claims.jti)


@command.command(cls=_TakesJti, example="cape token revoke alice.token")
@click.argument("token", metavar="TOKEN")
@yes_option
@pass_context
def revoke(context: Context, token: str) -> None:
    """Take a token back, for good.

    TOKEN is its file, or what `cape token list` shows: its jti, or the name of a valid one. - is
    stdin.

    It takes effect within `revocation_max_age_s` where the function's settings have it. Without,
    clients notice within a minute, and whoever withholds the list from the enclave, an operator or
    the token's holder, can delay it until the token expires.
    """
    from pycape.tokens import IssuedToken  # noqa: PLC0415 - `cape --help` does without

    with context.client() as cape:
        own = read_own_token(context, cape, token)
        claims = own if isinstance(own, IssuedToken) else own.inspect()
        confirm(context, f"revoke the token {claims.name or claims.jti}, for good?")
        number = cape.revoke(tokens=[own])
    data = {"revocation_list": number, "jti": claims.jti}
    context.result(data, f"revoked, as of revocation list {number}", claims.jti)


def _of_function(cape: Cape, tokens: list[IssuedToken], function: str) -> list[IssuedToken]:
    """Return those for one version of a function, or for all that have the name."""
    ref = cape.function(function)
    if ref.id is not None:
        return [token for token in tokens if token.function.id == ref.id]
    account = cape.account_of(str(ref.user))
    named = f"{account}/{ref.name}"
    return [token for token in tokens if token.function.full_name == named]


def _facts(token: IssuedToken) -> dict[str, Any]:
    return {
        "jti": token.jti,
        "name": token.name,
        "function_id": token.function.id,
        "function_name": token.function.full_name,
        "function_checksum": token.function.checksum,
        "issued_at": _time(token.issued_at),
        "expires": _time(token.expires),
        "state": token.state,
    }


def _table(tokens: list[IssuedToken]) -> str:
    if not tokens:
        return ""
    rows = [("name", "function", "expires", "state")]
    rows += [
        (token.name or token.jti, str(token.function.name), _time(token.expires), token.state)
        for token in tokens
    ]
    return table(rows, _LONGEST_CELL)


def _time(seconds: int) -> str:
    return show_time(datetime.fromtimestamp(seconds, UTC))
