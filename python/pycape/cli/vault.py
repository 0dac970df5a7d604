"""cape vault."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from pycape._clock import show_time
from pycape.cli._command import CapeGroup, pass_context
from pycape.cli._context import Context
from pycape.cli._extras import extra
from pycape.cli._text import fields


@click.group("vault", cls=CapeGroup, example="cape vault show")
def command() -> None:
    """The secret that a platform's enclaves share."""


@command.command(example="cape vault create")
@click.option("--data-dir", metavar="DIR", help="Where the state is kept; else CAPE_DATA_DIR.")
@pass_context
def create(context: Context, data_dir: str | None) -> None:
    """Create the local platform's vault. `cape dev` does it once, when there is none.

    A vault is never replaced: what is sealed by one opens with no other.
    """
    from pycape._config import data_dir as default_data_dir  # noqa: PLC0415
    from pycape.errors import Conflict  # noqa: PLC0415

    with extra("local"):
        from pycape.local.enclave_program import EnclaveProgram  # noqa: PLC0415
        from pycape.local.state import StateFolder  # noqa: PLC0415

    state = StateFolder(Path(data_dir or default_data_dir()).absolute() / "local")
    if state.vault_key.exists():
        raise Conflict(
            f"there is a vault already: {state.vault_key}",
            hint="`cape dev` uses it; --data-dir names a folder for another platform's",
        )
    with state.locked():
        vault = state.vault(EnclaveProgram.find())
    data = {"vault": vault.vault, "key_file": str(state.vault_key), "birth": vault.birth}
    context.result(data, fields({"vault": vault.vault, "key": state.vault_key}), vault.vault)


@command.command(example="cape vault show")
@pass_context
def show(context: Context) -> None:
    """Show the vault of the present profile, as its birth document proves it."""
    from pycape._join import judge_birth  # noqa: PLC0415 - `cape --help` does without

    profile = context.config().require_profile()
    birth = judge_birth(profile)
    vault = "" if birth.vault is None else birth.vault.hex()
    born = show_time(birth.timestamp)
    data = {
        "vault": vault,
        "trust": birth.trust,
        "born": born,
        "birth": base64.b64encode(profile.birth or b"").decode(),
    }
    context.result(data, fields({"vault": vault, "born": f"{born} ({birth.trust} root)"}), vault)
