"""Commands of the first system that have another name, or no meaning, now."""

from __future__ import annotations

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError


@click.command("login", cls=CapeCommand, example="cape join platform.toml")
def login() -> None:
    """Say what there is instead of logging in."""
    raise UsageError(
        "there is nothing to log in to: an account is a key on this machine",
        hint="`cape accounts show` shows yours, `cape join FILE` adds a platform",
    )


@click.command("signup", cls=CapeCommand, example="cape accounts show")
def signup() -> None:
    """Say what there is instead of signing up."""
    raise UsageError(
        "there is nothing to sign up for: an account is a key on this machine",
        hint="`cape accounts show` makes one, `cape accounts name NAME` gives it a name",
    )


@click.command("get-pcrs", cls=CapeCommand, example="cape get-pcrs")
@pass_context
def get_pcrs(context: Context) -> None:
    """Print the measurements of an enclave that meets the policy (now: `cape attest`)."""
    with context.client() as cape:
        verified, _ = cape.attest()
    pcrs = {str(index): [value.hex()] for index, value in verified.pcrs.items() if any(value)}
    rows = "\n".join(f"PCR{index}: {value}" for index, [value] in pcrs.items())
    context.result({"pcrs": pcrs}, rows)
