"""cape vault."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from pycape.cli._command import CapeGroup, Context, shared


@click.group("vault", cls=CapeGroup)
def command() -> None:
    """For operators: the secret that a platform's enclaves share.

    cape vault show
    """


@command.command()
@click.option("--data-dir", metavar="DIR", help="Where the state is kept; else CAPE_DATA_DIR.")
@shared
def create(context: Context, data_dir: str | None) -> None:
    """Create the local platform's vault. `cape dev` does it once, when there is none.

    cape vault create

    A vault is never replaced: what is sealed by one opens with no other.
    """
    from pycape._config import data_dir as default_data_dir  # noqa: PLC0415
    from pycape.errors import Conflict  # noqa: PLC0415
    from pycape.local.enclave_program import EnclaveProgram  # noqa: PLC0415 - the extra `local`
    from pycape.local.state import StateFolder  # noqa: PLC0415

    state = StateFolder(Path(data_dir or default_data_dir()).absolute() / "local")
    if state.vault_key.exists():
        raise Conflict(f"there is a vault already: {state.vault_key}")
    with state.locked():
        vault = state.vault(EnclaveProgram.find())
    data = {"vault": vault.vault, "key_file": str(state.vault_key), "birth": vault.birth}
    context.result(data, f"vault {vault.vault}\nkey   {state.vault_key}", vault.vault)


@command.command()
@shared
def show(context: Context) -> None:
    """Show the vault of the present profile, as its birth document proves it.

    cape vault show
    """
    from pycape._config import Config  # noqa: PLC0415 - `cape --help` does without
    from pycape._join import judge_birth  # noqa: PLC0415

    profile = Config(url=context.url, profile=context.profile).require_profile()
    birth = judge_birth(profile)
    vault = "" if birth.vault is None else birth.vault.hex()
    data = {
        "vault": vault,
        "trust": birth.trust,
        "born": birth.timestamp.isoformat(),
        "birth": base64.b64encode(profile.birth or b"").decode(),
    }
    context.result(data, f"vault {vault}\nborn  {data['born']} ({birth.trust} root)", vault)
