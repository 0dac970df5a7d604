"""cape keys."""

from __future__ import annotations

from pathlib import Path

import click

from pycape.cli._command import CapeGroup, Context, shared
from pycape.cli._files import read_file


@click.group("keys", cls=CapeGroup)
def command() -> None:
    """Keys to encrypt for.

    cape keys generate me.key
    """


@command.command()
@click.argument("file")
@click.option(
    "--kind",
    type=click.Choice(["xwing", "x25519"]),
    default="xwing",
    show_default=True,
    help="xwing withstands quantum computers; x25519 is shorter.",
)
@shared
def generate(context: Context, file: str, kind: str) -> None:
    """Make a key pair of your own: the private key into FILE, the public key to stdout.

    cape keys generate me.key

    Needs no platform. Encrypt for it with `cape encrypt -r PUBLIC_KEY`, open with `cape decrypt`.
    """
    from pycape._account import create_secret  # noqa: PLC0415 - `cape --help` does without
    from pycape.keys import PrivateKey  # noqa: PLC0415

    key = PrivateKey.generate(kind)
    create_secret(Path(file), key.to_text())
    context.note(f"the private key is in {file}: keep it safe, nobody can replace it")
    public = key.public_key
    data = {
        "public_key": public.to_text(),
        "kind": kind,
        "fingerprint": public.fingerprint,
        "file": file,
    }
    context.result(data, public.to_text(), public.to_text())


@command.command()
@click.argument("file", required=False)
@click.option(
    "--kem",
    type=click.Choice(["xwing", "x25519"]),
    default="xwing",
    show_default=True,
    help="Which of the account's keys.",
)
@shared
def show(context: Context, file: str | None, kem: str) -> None:
    """Show a key file's public key; without a file, your account's, from an attested enclave.

    cape keys show me.key
    """
    from pycape._account import read_secret  # noqa: PLC0415 - `cape --help` does without
    from pycape.keys import PrivateKey, PublicKey  # noqa: PLC0415

    if file is None:
        with context.client() as cape:
            public = PublicKey.from_text(cape.key(kem=kem).decode())
    elif (text := read_file(file).decode().strip()).startswith("capepk1"):
        public = PublicKey.from_text(text)
    else:
        public = PrivateKey.from_text((read_secret(Path(file)) or "").strip()).public_key
    data = {"public_key": public.to_text(), "kind": public.kind, "fingerprint": public.fingerprint}
    context.result(data, public.to_text(), public.to_text())


@command.command()
@shared
def rotate(context: Context) -> None:
    """Begin a new epoch of your account's encryption keys.

    cape keys rotate

    What is encrypted from now on is for the new keys. Functions open older epochs as well, from
    `min_epoch` in their settings on.
    """
    with context.client() as cape:
        epoch = cape.rotate_keys()
    context.result({"epoch": epoch}, f"epoch {epoch}", str(epoch))
