"""cape accounts."""

from __future__ import annotations

import re

import click

from pycape._strangers import named
from pycape.cli._command import CapeGroup, pass_context
from pycape.cli._confirm import confirm
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import STDIN, create_secret_file, one_file
from pycape.cli._key_files import read_secret_text
from pycape.cli._options import output_option, yes_option
from pycape.cli._text import fields

# As much of an account id as makes a file's name that tells one from another.
_SHORT_ID = 16

# Spec: docs/spec/trust.md, user name.
_USER_NAME = re.compile(r"(?!cape1)[a-z][a-z0-9-]{2,31}")


@click.group("accounts", cls=CapeGroup, example="cape accounts show")
def command() -> None:
    """Your account, and the names of others."""


@command.command(example="cape accounts show")
@pass_context
def show(context: Context) -> None:
    """Show your account id, and the accounts that are known here by name.

    Makes an account when there is none: a key in a file of this machine.
    """
    from pycape._platform import Platform  # noqa: PLC0415 - `cape --help` does without

    platform = Platform(context.config(), policy=None, trust_roots=None)
    known = dict(platform.known_accounts)
    key_file = str(platform.config.account_key_file)
    rows = {"account": platform.account.id, "key file": key_file, **known}
    data = {"account": platform.account.id, "key_file": key_file, "known": known}
    context.result(data, fields(rows), platform.account.id)


@command.command(example="cape accounts name alice")
@click.argument("name")
@pass_context
def name(context: Context, name: str) -> None:
    """Claim a user name for your account: first come, first served."""
    if not _USER_NAME.fullmatch(name):
        raise UsageError(
            f"{named(name)} is no user name",
            hint="it has 3 to 32 lower-case letters, digits and hyphens, a letter first, and does "
            "not begin with cape1",
        )
    with context.client() as cape:
        cape.claim_name(name)
        account = cape.account_id
    context.result({"name": name, "account": account}, f"{name} is {account}", account)


@command.command(example="cape accounts trust bob")
@click.argument("name")
@click.argument("account", required=False)
@pass_context
def trust(context: Context, name: str, account: str | None) -> None:
    """Accept the account that a user name stands for now.

    Compare the id with its owner by other means first: from then on it is what the name means.
    With ACCOUNT, the id that its owner told, nothing else is accepted.
    """
    with context.client() as cape:
        before = dict(cape._platform.known_accounts).get(name)
        now = cape.trust_account(name, account)
    data = {"name": name, "account": now, "before": before}
    text = f"{name} is {now}"
    if before not in {None, now}:
        text += f"\n(until now {before})"
    context.result(data, text, now)


@command.command(example="cape accounts export backup.key")
@click.argument("file", required=False)
@output_option
@pass_context
def export(context: Context, file: str | None, output: str | None) -> None:
    """Copy your account's key into a file that only you can read; - is stdout.

    The file is the key and nothing else, in plain text: whoever has it is the account, and without
    it nobody can deploy to the account again. Keep it where you keep other secrets. Without FILE
    it goes into one in this folder, named after the account.
    """
    from pycape._account import load_account  # noqa: PLC0415 - `cape --help` does without
    from pycape.errors import ConfigError  # noqa: PLC0415

    file = one_file(file, output)
    path = context.config().account_key_file
    account = load_account(path)
    if account is None:
        raise ConfigError(f"there is no account in {path}", hint="`cape accounts show` makes one")
    file = file or f"{account.id[:_SHORT_ID]}.key"
    data = {"account": account.id, "file": file}
    if file == STDIN:
        context.result({**data, "key": account.to_text()}, account.to_text())
        return
    create_secret_file(file, account.to_text())
    context.result(data, f"{account.id}\nis in {file}: keep it safe", account.id)


@command.command("import", example="cape accounts import backup.key")
@click.argument("file")
@yes_option
@pass_context
def import_(context: Context, file: str) -> None:
    """Be the account whose key is in a file, on this machine; - is stdin.

    Which names, versions and epochs the other machine had seen does not come with the key: this
    one learns them anew.
    """
    from pycape._account import load_account, replace_account  # noqa: PLC0415 - `cape --help` does without
    from pycape._core import Account  # noqa: PLC0415
    from pycape.errors import KeyInvalid  # noqa: PLC0415

    try:
        account = Account.from_text(read_secret_text(file))
    except KeyInvalid as error:
        error.hint = "`cape accounts export FILE` writes one: copy it whole"
        raise
    path = context.config().account_key_file
    present = load_account(path)
    if present is not None and present.id != account.id:
        confirm(
            context,
            f"this machine is {present.id}, and that account is lost unless its key is elsewhere "
            f"too (`cape accounts export`). be {account.id} instead?",
        )
    replace_account(path, account, present=present)
    replaced = None if present is None or present.id == account.id else present.id
    data = {"account": account.id, "key_file": str(path), "replaced": replaced}
    context.result(data, f"this machine is {account.id}", account.id)
