"""cape join."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pycape._clock import show_time
from pycape._user_data import keeper_of
from pycape.cli._command import CapeCommand, pass_context
from pycape.cli._confirm import confirm
from pycape.cli._context import Context
from pycape.cli._files import display_name
from pycape.cli._limits import PROFILE
from pycape.cli._options import profile_name, yes_option
from pycape.cli._text import fields, measurements

if TYPE_CHECKING:
    from pycape._config import Config
    from pycape._profile import Profile


@click.command("join", cls=CapeCommand, example="cape join platform.toml")
@click.argument("file")
@click.option(
    "--name",
    metavar="NAME",
    callback=profile_name,
    help="What to call it here; else what the file says.",
)
@click.option("--development", is_flag=True, help="Accept a platform whose root is not AWS's.")
@click.option("--default", "make_default", is_flag=True, help="Use this platform from now on.")
@yes_option
@pass_context
def command(
    context: Context,
    *,
    file: str,
    name: str | None,
    development: bool,
    make_default: bool,
) -> None:
    """Add a platform, from the file that its `cape config export` wrote; - is stdin.

    The birth document of the platform's vault is judged first. Compare what is printed with what
    the platform's owner says by other means. A name stands for one platform: where another has it,
    --name gives this one its own.
    """
    from pycape._join import judge_birth  # noqa: PLC0415 - `cape --help` does without
    from pycape._profile import Profile  # noqa: PLC0415
    from pycape.errors import TrustRootMismatch  # noqa: PLC0415

    profile = Profile.parse(PROFILE.read_text(file), display_name(file))
    if name is not None:
        profile = replace(profile, name=name)
    if profile.development and not development:
        raise TrustRootMismatch(
            f"{profile.name} is a development platform: its operator can read everything",
            hint="`cape join --development` accepts it, for experiments",
        )
    birth = judge_birth(profile)
    config = context.config()
    replaced = _other_of_that_name(config, profile)
    if replaced is not None:
        confirm(
            context,
            f"{profile.name} is another platform here, at {replaced.url} (--name NAME keeps both). "
            "replace it?",
        )
    path = config.install_profile(profile, make_default=True)
    if make_default:
        config.set_default_profile(profile.name)
    vault = None if birth.vault is None else birth.vault.hex()
    pcrs = {index: value for index, value in birth.pcrs.items() if any(value)}
    data = {
        "profile": profile.name,
        "path": str(path),
        "url": profile.url,
        "trust": birth.trust,
        "trust_root": birth.trust_root_digest,
        "vault": vault,
        "key": keeper_of(birth),
        "pcrs": {str(index): value.hex() for index, value in pcrs.items()},
        "born": show_time(birth.timestamp),
        "replaced": None if replaced is None else replaced.url,
    }
    rows = {
        "root": f"{birth.trust}, SHA-256 of its certificate:",
        "": birth.trust_root_digest,
        "vault": vault,
        "key": keeper_of(birth),
        "born": f"{show_time(birth.timestamp)}, in an enclave with",
    }
    text = f"joined {profile.name} at {profile.url}\n\n{fields(rows)}\n{measurements(pcrs)}"
    context.result(data, text, profile.name)


def _other_of_that_name(config: Config, profile: Profile) -> Profile | None:
    """Return the other platform whose profile would be replaced."""
    from pycape.errors import ConfigError  # noqa: PLC0415 - `cape --help` does without

    try:
        present = config.installed(profile.name)
    except ConfigError:
        return None  # it is malformed: this one mends it
    return None if present is None or present.is_same_platform(profile) else present
