"""Commands of the first system that have another name, or no meaning, now."""

from __future__ import annotations

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError


def _instead(name: str, *, example: str, message: str, hint: str) -> click.Command:
    """Make a command that, whatever is behind it, says what there is instead."""

    @click.command(
        name,
        cls=CapeCommand,
        example=example,
        hidden=True,
        context_settings={"ignore_unknown_options": True},
    )
    @click.argument("words", nargs=-1)
    def command(words: tuple[str, ...]) -> None:
        del words
        raise UsageError(message, hint=hint)

    command.help = f"({message})"
    return command


login = _instead(
    "login",
    example="cape join platform.toml",
    message="there is nothing to log in to: an account is a key on this machine",
    hint="`cape accounts show` shows yours, `cape join FILE` adds a platform",
)

signup = _instead(
    "signup",
    example="cape accounts show",
    message="there is nothing to sign up for: an account is a key on this machine",
    hint="`cape accounts show` makes one, `cape accounts name NAME` gives it a name",
)

function_create = _instead(
    "create",
    example="cape deploy functions/echo",
    message="a function is created by deploying its folder",
    hint="`cape deploy FOLDER` prints its id, `cape function list` lists yours",
)

token_delete = _instead(
    "delete",
    example="cape token revoke alice.token",
    message="a token is not deleted but revoked",
    hint="`cape token list` shows those that were made here, `cape token revoke TOKEN` takes one "
    "back; Cape.revoke(functions=[...]) in Python ends all of a version",
)


@click.command("get-pcrs", cls=CapeCommand, example="cape get-pcrs")
@pass_context
def get_pcrs(context: Context) -> None:
    """Print the measurements of an enclave that meets the policy (now: `cape attest`)."""
    with context.client() as cape:
        verified, _ = cape.attest()
    pcrs = {str(index): [value.hex()] for index, value in verified.pcrs.items() if any(value)}
    rows = "\n".join(f"PCR{index}: {value}" for index, [value] in pcrs.items())
    context.result({"pcrs": pcrs}, rows, "\n".join(value for [value] in pcrs.values()))
