"""cape function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pycape.cli._command import CapeGroup, pass_context
from pycape.cli._confirm import confirm
from pycape.cli._context import Context
from pycape.cli._files import existing
from pycape.cli._old import function_create
from pycape.cli._options import yes_option
from pycape.cli._text import fields

if TYPE_CHECKING:
    from pycape import _core

_LABELS = {
    "function_id": "function id",
    "function_name": "name",
    "function_checksum": "checksum",
}


@click.group("function", cls=CapeGroup, example="cape function list")
def command() -> None:
    """List, show, verify and delete deployed functions."""


command.add_command(function_create)


@command.command("list", example="cape function list")
@click.option("--account", metavar="WHO", help="Another's: a user name or an account id.")
@pass_context
def list_(context: Context, account: str | None) -> None:
    """List your functions, the newest version of each name first."""
    with context.client() as cape:
        manifests = cape.functions(None if account is None else cape.account_of(account))
    rows = [f"{m.function_id:28}  {m.name} (version {m.version})" for m in manifests]
    identifiers = "\n".join(manifest.function_id for manifest in manifests)
    context.result(
        {"functions": [_facts(manifest) for manifest in manifests]},
        "\n".join(rows) or "no functions",
        identifiers,
    )


@command.command(example="cape function show FUNCTION")
@click.argument("function")
@pass_context
def show(context: Context, function: str) -> None:
    """Show a function's manifest, as its owner signed it.

    FUNCTION is an id, user/name, or a JSON file that `cape deploy -o json` wrote. FunctionRef's
    from_json reads what `--json` prints.
    """
    with context.client() as cape:
        manifest = cape.manifest(function)
    facts = _facts(manifest)
    shown = {_LABELS.get(name, name): value for name, value in facts.items()}
    context.result(facts, fields({**shown, "name": manifest.name}), manifest.function_id)


@command.command(example="cape function verify functions/echo FUNCTION")
@click.argument("folder")
@click.argument("function")
@click.option(
    "--build-sdists",
    is_flag=True,
    help="Build what its settings have built: that runs code of the folder's author here.",
)
@pass_context
def verify(context: Context, folder: str, function: str, build_sdists: bool) -> None:
    """Pack a folder anew, and compare it with a function that is deployed.

    Whoever has the folder with its lock file can see that it is what runs, whoever deployed it.
    Nothing of the folder runs here.
    """
    path = existing(folder)
    with context.client() as cape:
        manifest = cape.verify_function(path, function, build_sdists=build_sdists)
    text = f"{folder} is what {manifest.function_id} was made of\nchecksum {manifest.checksum}"
    context.result(_facts(manifest), text, manifest.checksum)


@command.command(example="cape function delete FUNCTION")
@click.argument("function")
@yes_option
@pass_context
def delete(context: Context, function: str) -> None:
    """Delete a function of yours, with all that is stored of it."""
    confirm(context, f"delete {function}?")
    with context.client() as cape:
        ref = cape.delete(function)
    data = {"function_id": ref.id, "function_name": ref.full_name}
    context.result(data, f"deleted {ref.name} ({ref.id})", ref.id)


def _facts(manifest: _core.Manifest) -> dict[str, Any]:
    return {
        "function_id": manifest.function_id,
        "function_name": f"{manifest.account}/{manifest.name}",
        "function_checksum": manifest.checksum,
        "account": manifest.account,
        "version": manifest.version,
        "bundle_sha256": manifest.bundle_sha256,
        "bundle_size": manifest.bundle_size,
        "python": manifest.python,
        "platform": manifest.platform,
        "handler": manifest.handler,
        "isolation": manifest.isolation,
        "memory_mib": manifest.memory_mib,
        "timeout_s": manifest.timeout_s,
        "env": manifest.env,
        "min_epoch": manifest.min_epoch,
        "revocation_max_age_s": manifest.revocation_max_age_s,
    }
