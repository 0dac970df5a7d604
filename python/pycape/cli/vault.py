"""cape vault."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import click

from pycape._clock import show_time
from pycape._user_data import keeper_of
from pycape.cli._command import CapeGroup, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import BadInput, UsageError
from pycape.cli._extras import extra
from pycape.cli._files import display_name, existing_file, read_bytes, utf_8
from pycape.cli._image_facts import IMAGE_BEGINS
from pycape.cli._releases import note_ended
from pycape.cli._text import fields


@click.group("vault", cls=CapeGroup, example="cape vault show")
def command() -> None:
    """The secret that a platform's enclaves share."""


@command.command(example="cape vault create")
@click.option("--data-dir", metavar="DIR", help="Where the state is kept; else CAPE_DATA_DIR.")
@click.option("--kms-key", metavar="ARN", help="Have AWS KMS make the secret, and wrap it.")
@click.option(
    "--settings",
    metavar="FILE",
    help="With --kms-key: the enclave's settings, which are measured.",
)
@click.option("--region", metavar="REGION", help="Of the key; else what its ARN says.")
@click.option("--endpoint", metavar="NAME", help="Of KMS; else the region's own.")
@click.option(
    "--kms-pipe",
    metavar="PIPE",
    help="What carries bytes to it, HOST:PORT or a socket's path; else the endpoint itself.",
)
@pass_context
def create(
    context: Context,
    *,
    data_dir: str | None,
    kms_key: str | None,
    settings: str | None,
    region: str | None,
    endpoint: str | None,
    kms_pipe: str | None,
) -> None:
    """Create the local platform's vault. `cape dev` does it once, when there is none.

    A vault is never replaced: what is sealed by one opens with no other.

    With --kms-key an enclave with the settings of --settings has the secret made by KMS, which
    gives it to that enclave alone, and wraps it. The credentials are those of AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. vault.json then has all that a start needs but
    credentials: there is no file of the secret.
    """
    from pycape._config import data_dir as default_data_dir  # noqa: PLC0415
    from pycape.errors import Conflict  # noqa: PLC0415

    with extra("local"):
        from pycape.local.enclave_program import EnclaveProgram  # noqa: PLC0415
        from pycape.local.kms import KmsKey  # noqa: PLC0415
        from pycape.local.state import StateFolder  # noqa: PLC0415

    state = StateFolder(Path(data_dir or default_data_dir()).absolute() / "local")
    if kms_key is None and (settings, region, endpoint, kms_pipe) != (None,) * 4:
        raise UsageError(
            "--settings, --region, --endpoint and --kms-pipe are about a vault that KMS keeps",
            hint="--kms-key names the key",
        )
    if kms_key is not None and settings is None:
        raise UsageError(
            "KMS gives the secret to an enclave with known settings, and none are given",
            hint="--settings names the file: vault_backends of it has aws-kms, tls.roots the roots",
        )
    if state.has_vault():
        raise Conflict(
            f"there is a vault already: {state.path}",
            hint="what it sealed opens with no other; --data-dir names a folder for another "
            "platform's",
        )
    key = None if kms_key is None else KmsKey.of(kms_key, region, endpoint)
    with state.locked():
        if key is None or settings is None:
            vault = state.vault(EnclaveProgram.find())
            kept = {"key_file": str(state.vault_key)}
        else:
            pipe = f"{key.endpoint}:443" if kms_pipe is None else kms_pipe
            file = existing_file(settings)
            vault = state.create_with_kms(EnclaveProgram.find(), file, key, pipe)
            kept = {"kms_key": key.key_id, "file": str(state.vault_json)}
    data = {"vault": vault.vault, **kept, "birth": vault.birth}
    context.result(
        data, fields({"vault": vault.vault, "key": next(iter(kept.values()))}), vault.vault
    )


@command.command(
    "policy", example='cape vault policy policy.toml --role "$ROLE" --account "$ACCOUNT" > key.json'
)
@click.argument("releases", metavar="POLICY [POLICY]...", nargs=-1, required=True)
@click.option("--role", "roles", metavar="ARN", multiple=True, help="Whom hosts ask KMS as.")
@click.option(
    "--admin", "administrators", metavar="ARN", multiple=True, help="Who manages the key."
)
@click.option(
    "--account", metavar="ID", help="Whose own IAM policies say who else manages the key."
)
@click.option(
    "--no-create", is_flag=True, help="Do not let the releases have a vault's secret made."
)
@click.option("-o", "output", metavar="FILE", help="Write to a file.")
@pass_context
def policy(
    context: Context,
    *,
    releases: tuple[str, ...],
    roles: tuple[str, ...],
    administrators: tuple[str, ...],
    account: str | None,
    no_create: bool,
    output: str | None,
) -> None:
    """Write the policy of a KMS key: who gets the vault's secret, and who manages the key.

    POLICY is a file of releases (policy.toml), or several, as while a platform is upgraded; - is
    stdin. Enclaves of these releases, asked for by --role, get the secret, and nobody else does.
    Who manages the key cannot use it, but can change this policy: they are trusted.
    """
    from pycape._key_policy import MOST_BYTES, Principals, key_policy  # noqa: PLC0415
    from pycape.errors import ConfigError  # noqa: PLC0415
    from pycape.policy import parse  # noqa: PLC0415

    principals = Principals(roles, administrators, account)
    accepted = [
        release
        for name in releases
        for release in parse(_policy_text(name), display_name(name)).releases
    ]
    written = key_policy(accepted, principals, creation=not no_create)
    octets = json.dumps(written, indent=2).encode() + b"\n"
    if len(octets) > MOST_BYTES:
        raise ConfigError(
            f"the policy has {len(octets)} bytes, and KMS takes {MOST_BYTES}",
            hint="leave out releases that do not run any more",
        )
    note_ended(context, accepted)
    context.octets(octets, output, {"policy": written})


def _policy_text(name: str) -> str:
    data = read_bytes(name)
    if data.startswith(IMAGE_BEGINS):
        raise BadInput(
            f"{display_name(name)} is an enclave image, and a policy of releases is wanted",
            hint="`cape image policy FILE > policy.toml` writes the one of an image",
        )
    return utf_8(data, name)


@command.command(example="cape vault show")
@pass_context
def show(context: Context) -> None:
    """Show the vault of the present profile, as its birth document proves it."""
    from pycape._join import judge_birth  # noqa: PLC0415 - `cape --help` does without

    profile = context.config().require_profile()
    birth = judge_birth(profile)
    vault = "" if birth.vault is None else birth.vault.hex()
    born = show_time(birth.timestamp)
    key = keeper_of(birth)
    data = {
        "vault": vault,
        "key": key,
        "trust": birth.trust,
        "born": born,
        "birth": base64.b64encode(profile.birth or b"").decode(),
    }
    shown = {"vault": vault, "key": key, "born": f"{born} ({birth.trust} root)"}
    context.result(data, fields(shown), vault)
