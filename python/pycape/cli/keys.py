"""cape keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pycape._clock import show_time
from pycape.cli._account_key import KEY_KINDS, vouched
from pycape.cli._command import CapeGroup, pass_context
from pycape.cli._context import Context
from pycape.cli._errors import UsageError
from pycape.cli._files import STDIN, create_secret_file, one_file
from pycape.cli._key_files import read_key
from pycape.cli._options import output_option, pcr_option
from pycape.cli._text import fields

if TYPE_CHECKING:
    from pycape import Cape, KeyRecord
    from pycape._core import Manifest
    from pycape.keys import PublicKey

_KINDS = click.Choice(["xwing", "x25519"])

_LABELS = {
    "counts_until": "counts until",
    "key_id": "key id",
    "release": "proven by",
    "release_digest": "its digest",
}


@click.group("keys", cls=CapeGroup, example="cape keys generate me.key")
def command() -> None:
    """Keys to encrypt for: your own, or your account's."""


@command.command(example="cape keys generate me.key")
@click.argument("file", required=False)
@click.option(
    "--kind",
    type=_KINDS,
    default="xwing",
    show_default=True,
    help="xwing withstands quantum computers; x25519 is shorter.",
)
@output_option
@pass_context
def generate(context: Context, file: str | None, kind: str, output: str | None) -> None:
    """Make a key pair of your own: the private key into FILE, the public key to stdout.

    Needs no platform. Encrypt for it with `cape encrypt -r PUBLIC_KEY`, open with `cape decrypt`.
    With - as FILE the private key goes to stdout, and the public key to stderr.
    """
    from pycape.keys import PrivateKey  # noqa: PLC0415 - `cape --help` does without

    target = one_file(file, output)
    if target is None:
        raise UsageError(
            "there is no file for the private key",
            hint="`cape keys generate me.key`; - is stdout",
        )
    key = PrivateKey.generate(kind)
    public = key.public_key
    data = {**_facts(public), "file": target}
    if target == STDIN:
        context.note(f"public key: {public.to_text()}")
        text = key.to_text()
        context.result({**data, "private_key": text}, text, text)
        return
    create_secret_file(target, key.to_text())
    context.note(f"the private key is in {target}: keep it safe, nobody can replace it")
    context.result(data, public.to_text(), public.to_text())


@command.command(example="cape keys show me.key")
@click.argument("file", required=False)
@click.option(
    "--kem", type=_KINDS, default="xwing", show_default=True, help="Which of the account's keys."
)
@pcr_option
@pass_context
def show(context: Context, file: str | None, kem: str, pcrs: dict[str, list[str]] | None) -> None:
    """Show a key file's public key; without a file, your account's, from an attested enclave.

    The key goes to stdout; what is known of it to stderr, or all of it into one object with --json.
    """
    from pycape.keys import PrivateKey  # noqa: PLC0415 - `cape --help` does without

    if file is None:
        with context.client() as cape:
            record = cape.key_record(kem=kem, pcrs=pcrs)
            facts = vouched(cape._platform.policy(), record)
        _show(context, record.public_key, facts)
        return
    if pcrs is not None:
        raise UsageError(
            "--pcr is for the account's key", hint="which an enclave hands out: leave out the file"
        )
    key = read_key(file)
    if isinstance(key, PrivateKey):
        _show(context, key.public_key, {"file": file, "holds": "private key"})
    else:
        _show(context, key, {"file": file, "holds": "public key"})


@command.command(example="cape keys rotate")
@pass_context
def rotate(context: Context) -> None:
    """Begin a new epoch of your account's encryption keys.

    What is encrypted from now on is for the new keys. Functions open older epochs as well, from
    `min_epoch` in their settings on.
    """
    with context.client() as cape:
        record = cape.rotate_keys()
        functions = _newest(cape)
        facts = vouched(cape._platform.policy(), record)
    windows = [
        {"name": m.name, "function_id": m.function_id, "opens": [m.min_epoch, m.max_epoch]}
        for m in functions
    ]
    data = {**_facts(record.public_key), **facts, "functions": windows}
    context.note(_what_happens_next(record, functions))
    context.result(data, f"epoch {record.epoch}", str(record.epoch))


def _what_happens_next(record: KeyRecord, functions: list[Manifest]) -> str:
    """Say in plain words what a rotation changes, and what it does not."""
    epoch, before = record.epoch, record.epoch - 1
    lines = [
        f"{record.account} is in epoch {epoch}.",
        "",
        "Now: what you encrypt is for the new keys. Others' machines remember the keys",
        f"before for up to seven days (until {show_time(record.expires)}).",
    ]
    if functions:
        width = max(len(m.name) for m in functions)
        lines += ["", "Old ciphertexts still open. Your functions open these epochs:"]
        lines += [f"  {m.name:{width}}  {m.min_epoch} to {m.max_epoch}" for m in functions]
    else:
        lines += [
            "",
            "Old ciphertexts still open: a function opens 16 epochs from its min_epoch on.",
        ]
    lines += [
        "",
        f"To retire epoch {before}: wait those seven days, encrypt anew what is to be kept,",
        f"then set `min_epoch = {epoch}` in a function's settings and deploy it. The version",
        "before opens old ciphertexts for as long as it runs: delete it, and revoke it.",
        "",
    ]
    return "\n".join(lines)


def _newest(cape: Cape) -> list[Manifest]:
    from pycape._account_keys import newest_of_each  # noqa: PLC0415 - `cape --help` does without

    return newest_of_each(cape.functions())


def _show(context: Context, public: PublicKey, more: dict[str, Any]) -> None:
    facts = _facts(public)
    shown = {**facts, **more, "kind": KEY_KINDS[public.kind]}
    del shown["public_key"]
    context.note(fields({_LABELS.get(name, name): value for name, value in shown.items()}))
    context.result({**facts, **more}, public.to_text(), public.to_text())


def _facts(public: PublicKey) -> dict[str, Any]:
    return {
        "public_key": public.to_text(),
        "kind": public.kind,
        "fingerprint": public.fingerprint,
        "key_id": public.key_id.hex(),
    }
