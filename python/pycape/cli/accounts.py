"""cape accounts."""

from __future__ import annotations

import click

from pycape.cli._command import CapeGroup, Context, shared


@click.group("accounts", cls=CapeGroup)
def command() -> None:
    """Your account, and the names of others.

    cape accounts show
    """


@command.command()
@shared
def show(context: Context) -> None:
    """Show your account id, and the accounts that are known here by name.

    cape accounts show
    """
    from pycape._config import Config  # noqa: PLC0415 - `cape --help` does without
    from pycape._platform import Platform  # noqa: PLC0415

    platform = Platform(
        Config(url=context.url, profile=context.profile), policy=None, trust_roots=None
    )
    known = dict(platform.known_accounts)
    rows = [platform.account.id, *(f"{name}  {account}" for name, account in known.items())]
    data = {
        "account": platform.account.id,
        "key_file": str(platform.config.account_key_file),
        "known": known,
    }
    context.result(data, "\n".join(rows), platform.account.id)


@command.command()
@click.argument("name")
@shared
def name(context: Context, name: str) -> None:
    """Claim a user name for your account: first come, first served.

    cape accounts name alice
    """
    with context.client() as cape:
        cape.claim_name(name)
        account = cape.account_id
    context.result({"name": name, "account": account}, f"{name} is {account}", account)


@command.command()
@click.argument("name")
@shared
def trust(context: Context, name: str) -> None:
    """Accept the account that a user name stands for now.

    cape accounts trust bob

    Compare the id with its owner by other means first: from then on it is what the name means.
    """
    with context.client() as cape:
        account = cape.trust_account(name)
    context.result({"name": name, "account": account}, f"{name} is {account}", account)
