"""cape image."""

from __future__ import annotations

import click

from pycape.cli import _image_build, _image_read
from pycape.cli._command import CapeGroup


@click.group(
    "image",
    cls=CapeGroup,
    example="cape image build image.toml -o cape.eif --kernel bzImage --runtime cape-enclave",
)
def command() -> None:
    """Enclave images: built, signed, compared and pinned, without Docker."""


command.add_command(_image_build.build)
command.add_command(_image_read.diff)
command.add_command(_image_read.inspect)
command.add_command(_image_build.lock)
command.add_command(_image_read.policy)
command.add_command(_image_build.sign)
