"""cape image."""

from __future__ import annotations

import click

from pycape.cli import _image_build, _image_read
from pycape.cli._command import CapeGroup


@click.group(
    "image", cls=CapeGroup, example="cape image build image.toml -o cape.eif --kernel bzImage"
)
def command() -> None:
    """Enclave images: built, signed, compared and pinned, without Docker."""


for each in (
    _image_build.build,
    _image_read.diff,
    _image_read.inspect,
    _image_build.lock,
    _image_read.policy,
    _image_build.sign,
):
    command.add_command(each)
