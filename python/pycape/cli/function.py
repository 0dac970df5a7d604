"""cape function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pycape.cli._command import CapeGroup, Context, shared

if TYPE_CHECKING:
    from pycape import _core


@click.group("function", cls=CapeGroup)
def command() -> None:
    """List, show and delete deployed functions.

    cape function list
    """


@command.command("list")
@click.option("--account", metavar="ID", help="Another account's functions.")
@shared
def list_(context: Context, account: str | None) -> None:
    """List your functions, the newest version of each name.

    cape function list
    """
    with context.client() as cape:
        manifests = cape.functions(account)
    rows = [f"{m.function_id}  {m.name} (version {m.version})" for m in manifests]
    if context.quiet and not context.json:
        rows = [m.function_id for m in manifests]
    context.result(
        {"functions": [_fields(m) for m in manifests]}, "\n".join(rows) or "no functions"
    )


@command.command()
@click.argument("function")
@shared
def show(context: Context, function: str) -> None:
    """Show a function's manifest, as its owner signed it.

    cape function show FUNCTION
    """
    with context.client() as cape:
        manifest = cape.manifest(function)
    fields = _fields(manifest)
    width = max(map(len, fields))
    text = "\n".join(
        f"{key:{width}}  {value}" for key, value in fields.items() if value is not None
    )
    context.result(fields, text, manifest.function_id)


@command.command()
@click.argument("function")
@click.option("--yes", is_flag=True, help="Do not ask.")
@shared
def delete(context: Context, function: str, yes: bool) -> None:
    """Delete a function of yours, with all that is stored of it.

    cape function delete FUNCTION
    """
    confirm(f"delete {function}?", yes)
    with context.client() as cape:
        ref = cape.delete(function)
    context.result(
        {"function_id": ref.id, "function_name": ref.full_name}, f"deleted {ref.full_name}", ref.id
    )


def confirm(question: str, yes: bool) -> None:
    """Ask on a terminal, unless `--yes` was given; elsewhere `--yes` is needed."""
    if yes:
        return
    if not click.get_text_stream("stdin").isatty():
        raise click.UsageError("this is not a terminal to ask on: --yes does it without asking")
    click.confirm(question, abort=True, err=True)


def _fields(manifest: _core.Manifest) -> dict[str, Any]:
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
