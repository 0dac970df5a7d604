"""cape inspect."""

from __future__ import annotations

from collections.abc import Callable

import click

from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import BadInput, UsageError
from pycape.cli._files import STDIN, display_name, read_key
from pycape.cli._inspect._attestation import explain_document
from pycape.cli._inspect._bundle import explain_bundle
from pycape.cli._inspect._configuration import explain_policy, explain_profile
from pycape.cli._inspect._envelope import explain_envelope
from pycape.cli._inspect._explanation import Explanation
from pycape.cli._inspect._keys import (
    explain_account_id,
    explain_account_key,
    explain_private_key,
    explain_public_key,
)
from pycape.cli._inspect._receipt import explain_receipt
from pycape.cli._inspect._source import Source, Surroundings, open_source
from pycape.cli._inspect._statement import explain_statement

# What is recognised, and who explains it. None takes what belongs to another.
_KINDS: dict[str, Callable[[Source, Surroundings], Explanation | None]] = {
    "an envelope": explain_envelope,
    "an attestation document": explain_document,
    "a receipt": explain_receipt,
    "a signed statement (manifest, token, name claim, epoch record, revocation list, owner proof, "
    "request)": explain_statement,
    "a public key": explain_public_key,
    "a private key": explain_private_key,
    "an account's key": explain_account_key,
    "an account id": explain_account_id,
    "a profile": explain_profile,
    "a policy": explain_policy,
    "a function's zip": explain_bundle,
}


@click.command("inspect", cls=CapeCommand, example="cape inspect letter.cape")
@click.argument("file")
@click.option(
    "-k",
    "--key",
    "key_file",
    metavar="FILE",
    help="A key of yours: tell whether an envelope is for it; - is stdin.",
)
@pass_context
def command(context: Context, file: str, key_file: str | None) -> None:
    """Say in plain words what a file is; - is stdin.

    Recognises ciphertexts, attestation documents, receipts, what accounts sign, keys, policies,
    profiles and functions' zips. Of a ciphertext it tells who can open it, and which algorithms
    protect it and why. It asks nobody, decrypts nothing, and says what it verified and what not.
    """
    if file == key_file == STDIN:
        raise UsageError("both the file and the key are to come from stdin")
    surroundings = _surroundings(context, key_file)
    with open_source(file) as source:
        explanation = _explain(source, surroundings)
    context.result(explanation.as_json(), explanation.as_text(), explanation.kind)


def _explain(source: Source, surroundings: Surroundings) -> Explanation:
    for explain in _KINDS.values():
        if (explanation := explain(source, surroundings)) is not None:
            return explanation
    raise BadInput(
        f"{display_name(source.name)} is nothing that is known here",
        hint=f"recognised are {', '.join(_KINDS)}",
    )


def _surroundings(context: Context, key_file: str | None) -> Surroundings:
    from pycape._account import load_account  # noqa: PLC0415 - `cape --help` does without
    from pycape._clock import now_ms  # noqa: PLC0415
    from pycape._platform import Platform  # noqa: PLC0415

    config = context.config()
    account = load_account(config.account_key_file)
    return Surroundings(
        platform=Platform(config, policy=None, trust_roots=None),
        account=None if account is None else account.id,
        key=None if key_file is None else read_key(key_file)[0],
        now_ms=now_ms(),
    )
