"""cape config."""

from __future__ import annotations

import click

from pycape.cli._command import CapeGroup, Context, shared


@click.group("config", cls=CapeGroup, invoke_without_command=True)
@click.pass_context
def command(click_context: click.Context) -> None:
    """Show each setting and where it comes from.

    cape config
    """
    if click_context.invoked_subcommand is None:
        _show(click_context.ensure_object(Context))


@command.command()
@shared
def export(context: Context) -> None:
    """Print the present profile, for somebody else's `cape join`.

    cape config export > platform.toml
    """
    from pycape._config import Config  # noqa: PLC0415 - `cape --help` does without

    profile = Config(url=context.url, profile=context.profile).require_profile()
    text = profile.dump()
    context.result({"profile": text}, text.rstrip(), profile.name)


def _show(context: Context) -> None:
    from pycape._config import Config  # noqa: PLC0415 - `cape --help` does without

    config = Config(url=context.url, profile=context.profile)
    settings = {
        "directory": (str(config.directory), "CAPE_CONFIG_DIR or the user's"),
        "profile": (config.profile_name.value, config.profile_name.source),
        "url": (config.url.value, config.url.source),
        "policy": (config.policy_source, ""),
        "account_key": (str(config.account_key_file), ""),
        "strict_accounts": (str(config.strict_accounts).lower(), "CAPE_STRICT_ACCOUNTS"),
    }
    width = max(map(len, settings))
    rows = [
        f"{key:{width}}  {value or 'not set'}" + (f"  ({source})" if source and value else "")
        for key, (value, source) in settings.items()
    ]
    data = {key: {"value": value, "source": source} for key, (value, source) in settings.items()}
    context.result(data, "\n".join(rows))
