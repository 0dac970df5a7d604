"""cape config."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from pycape.cli._command import CapeGroup, pass_context
from pycape.cli._context import Context
from pycape.cli._text import fields

if TYPE_CHECKING:
    from pycape._config import Config


@click.group("config", cls=CapeGroup, invoke_without_command=True, example="cape config")
@click.pass_context
def command(click_context: click.Context) -> None:
    """Show each setting and where it comes from."""
    if click_context.invoked_subcommand is None:
        _show(click_context.ensure_object(Context))


@command.command(example="cape config export > platform.toml")
@pass_context
def export(context: Context) -> None:
    """Print the present profile, for somebody else's `cape join`."""
    profile = context.config().require_profile()
    text = profile.dump()
    context.result({"profile": profile.name, "toml": text}, text.rstrip(), text.rstrip())


def _show(context: Context) -> None:
    from pycape._config import cache_dir, data_dir  # noqa: PLC0415 - `cape --help` does without

    config = context.config()
    settings = {
        "config_dir": (
            str(config.directory),
            _source("CAPE_CONFIG_DIR", "CAPE_LOCAL_CONFIG_DIR"),
        ),
        "profile": (config.profile_name.value, config.profile_name.source),
        "url": (config.url.value, config.url.source),
        "policy": (_releases(config), config.policy_source),
        "account_key": (str(config.account_key_file), _source("CAPE_ACCOUNT_KEY_FILE")),
        "ca_file": (os.environ.get("CAPE_CA_FILE"), _source("CAPE_CA_FILE")),
        "strict_accounts": (str(config.strict_accounts).lower(), _source("CAPE_STRICT_ACCOUNTS")),
        "token": _only_from("CAPE_TOKEN", shown="set, and not shown"),
        "cache_dir": (str(cache_dir()), _source("CAPE_CACHE_DIR")),
        "data_dir": (str(data_dir()), _source("CAPE_DATA_DIR")),
        "enclave_binary": _only_from("CAPE_ENCLAVE_BINARY"),
        "host_binary": _only_from("CAPE_HOST_BINARY"),
    }
    context.result(
        {name: {"value": value, "source": source} for name, (value, source) in settings.items()},
        fields(
            {
                name: f"{value}  ({source})" if value else "not set"
                for name, (value, source) in settings.items()
            }
        ),
        config.profile_name.value or "",
    )


def _releases(config: Config) -> str | None:
    from pycape.errors import PolicyRequired  # noqa: PLC0415 - `cape --help` does without

    try:
        releases = config.require_policy().releases
    except PolicyRequired:
        return None
    return ", ".join(repr(release.name) for release in releases)


def _source(*variables: str) -> str:
    """Return the first of variables that is set."""
    return next((name for name in variables if os.environ.get(name)), "default")


def _only_from(variable: str, *, shown: str | None = None) -> tuple[str | None, str]:
    """Return what a variable says, or `shown` in its place, and where that comes from."""
    value = os.environ.get(variable)
    return (shown or value, variable) if value else (None, "not set")
