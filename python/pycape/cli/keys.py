"""cape keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pycape.cli._command import CapeGroup, pass_context
from pycape.cli._context import Context
from pycape.cli._files import read_private_key, read_text

if TYPE_CHECKING:
    from pycape.keys import PublicKey

_KINDS = click.Choice(["xwing", "x25519"])


@click.group("keys", cls=CapeGroup, example="cape keys generate me.key")
def command() -> None:
    """Keys to encrypt for: your own, or your account's."""


@command.command(example="cape keys generate me.key")
@click.argument("file")
@click.option(
    "--kind",
    type=_KINDS,
    default="xwing",
    show_default=True,
    help="xwing withstands quantum computers; x25519 is shorter.",
)
@pass_context
def generate(context: Context, file: str, kind: str) -> None:
    """Make a key pair of your own: the private key into FILE, the public key to stdout.

    Needs no platform. Encrypt for it with `cape encrypt -r PUBLIC_KEY`, open with `cape decrypt`.
    """
    from pycape._account import create_secret  # noqa: PLC0415 - `cape --help` does without
    from pycape.keys import PrivateKey  # noqa: PLC0415

    key = PrivateKey.generate(kind)
    create_secret(Path(file), key.to_text())
    context.note(f"the private key is in {file}: keep it safe, nobody can replace it")
    _print(context, key.public_key, file)


@command.command(example="cape keys show me.key")
@click.argument("file", required=False)
@click.option(
    "--kem", type=_KINDS, default="xwing", show_default=True, help="Which of the account's keys."
)
@pass_context
def show(context: Context, file: str | None, kem: str) -> None:
    """Show a key file's public key; without a file, your account's, from an attested enclave."""
    from pycape.keys import PublicKey  # noqa: PLC0415 - `cape --help` does without

    if file is None:
        with context.client() as cape:
            public = PublicKey.from_text(cape.key(kem=kem).decode())
    elif file != "-" and (text := read_text(file)).startswith("capepk1"):
        public = PublicKey.from_text(text)
    else:
        public = read_private_key(file).public_key
    _print(context, public, file)


@command.command(example="cape keys rotate")
@pass_context
def rotate(context: Context) -> None:
    """Begin a new epoch of your account's encryption keys.

    What is encrypted from now on is for the new keys. Functions open older epochs as well, from
    `min_epoch` in their settings on.
    """
    with context.client() as cape:
        epoch = cape.rotate_keys()
    context.result({"epoch": epoch}, f"epoch {epoch}", str(epoch))


def _print(context: Context, public: PublicKey, file: str | None) -> None:
    data = {
        "public_key": public.to_text(),
        "kind": public.kind,
        "fingerprint": public.fingerprint,
        "file": file,
    }
    context.result(data, public.to_text(), public.to_text())
