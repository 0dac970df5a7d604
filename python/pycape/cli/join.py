"""cape join."""

from __future__ import annotations

from pathlib import Path

import click

from pycape.cli._command import CapeCommand, Context, shared
from pycape.errors import TrustRootMismatch


@click.command("join", cls=CapeCommand)
@click.argument("file")
@click.option("--development", is_flag=True, help="Accept a platform whose root is not AWS's.")
@click.option("--default", "make_default", is_flag=True, help="Use this platform from now on.")
@shared
def command(context: Context, file: str, development: bool, make_default: bool) -> None:
    """Add a platform, from the file that its `cape config export` wrote.

    cape join platform.toml

    The birth document of the platform's vault is judged first. Compare what is printed with what
    the platform's owner says by other means.
    """
    from pycape._config import Config  # noqa: PLC0415 - `cape --help` does without
    from pycape._join import judge_birth  # noqa: PLC0415
    from pycape._profile import Profile  # noqa: PLC0415

    profile = Profile.load(Path(file))
    if profile.development and not development:
        raise TrustRootMismatch(
            f"{profile.name} is a development platform: its operator can read everything",
            hint="`cape join --development` accepts it, for experiments",
        )
    birth = judge_birth(profile)
    config = Config()
    path = config.install_profile(profile, make_default=True)
    if make_default:
        config.set_default_profile(profile.name)
    data = {
        "profile": profile.name,
        "path": str(path),
        "url": profile.url,
        "trust": birth.trust,
        "trust_root": birth.trust_root_digest,
        "vault": None if birth.vault is None else birth.vault.hex(),
        "pcrs": {str(index): value.hex() for index, value in birth.pcrs.items() if any(value)},
        "born": birth.timestamp.isoformat(),
    }
    rows = [
        f"joined {profile.name} at {profile.url}",
        f"  trust root  {birth.trust} {birth.trust_root_digest}",
        f"  vault       {data['vault']}, born {birth.timestamp:%Y-%m-%d %H:%M} UTC",
        *(f"  PCR{index:<8} {value}" for index, value in data["pcrs"].items()),
    ]
    context.result(data, "\n".join(rows), profile.name)
