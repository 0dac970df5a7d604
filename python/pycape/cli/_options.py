"""The options that every command has, anywhere on the line."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pycape.cli._context import Context
from pycape.cli._errors import NoOutput, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_FORMATS = ("plain", "json")

# What user names and account ids do not have in them, and the names of most files have.
_NOT_IN_NAMES = re.compile(r"[^a-z0-9-]")

# Spec: docs/spec/attestation.md, document.
_REGISTER = re.compile(r"[12]?[0-9]|3[01]")
_MEASUREMENT = re.compile(r"[0-9a-fA-F]{96}")


def shared_options(own: list[click.Parameter]) -> list[click.Parameter]:
    """Return the options that every command has, but for `-o` where a command has its own."""
    options = [
        _shared(["--json"], is_flag=True, help="Print one JSON object: ok, data, error."),
        _shared(["-q", "--quiet"], is_flag=True, help="Print identifiers only."),
        _shared(["-v", "--verbose"], is_flag=True, help="Say what is done."),
        _shared(["--profile"], metavar="NAME", help="The platform to use."),
        _shared(["--url"], metavar="URL", help="The control plane's address."),
    ]
    if not any("-o" in parameter.opts for parameter in own):
        options.insert(1, _format_option())
    return options


def output_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `-o FILE` to a command whose result is bytes; `-o json` is a format there too."""
    return file_option(function, "Write to a file; - is stdout.", check=_check_folder)


def file_option(
    function: Callable[..., Any],
    explanation: str,
    *,
    check: Callable[[str], None] = lambda _: None,
) -> Callable[..., Any]:
    """Add an `-o FILE` that means a file; `-o json` is a format there too, which no other word is.

    A file of that name is `./json`.
    """

    def file_or_format(context: click.Context, _: click.Parameter, value: str | None) -> str | None:
        if value == "":
            raise UsageError("-o is empty", hint="a variable that is not set is")
        if value != "json":
            check(value or "")
            return value
        _choose_format(context, value)
        return None

    return click.option(
        "-o",
        "--output",
        metavar="FILE",
        callback=file_or_format,
        help=explanation,
    )(function)


def _check_folder(output: str) -> None:
    """Refuse a folder that is not there; a file is not called `folder/`."""
    if output.endswith(os.sep) and not os.path.isdir(output):  # noqa: PTH112
        raise NoOutput(f"{output}: there is no such folder", hint=f"mkdir {output}")


def _no_files(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if _NOT_IN_NAMES.search(value) and os.path.isfile(value):  # noqa: PTH113
            raise UsageError(
                f"{value} is a file, and a recipient is a user name, an account id or a key",
                hint=f'-r "$(cape keys show {value})" names the one whose key is in it',
            )
    return values


recipients_option = click.option(
    "-r",
    "--recipient",
    "recipients",
    multiple=True,
    callback=_no_files,
    metavar="WHO",
    help="A user name, an account id, or a public key (capepk1..., RSA in PEM); may be repeated.",
)

kem_option = click.option(
    "--kem",
    type=click.Choice(["xwing", "x25519"]),
    default="xwing",
    show_default=True,
    help="Which key of an account: xwing withstands quantum computers, x25519 is shorter.",
)

anonymous_option = click.option(
    "--anonymous", is_flag=True, help="Do not tell whose keys: who decrypts tries. Keys only."
)

private_key_option = click.option(
    "-k",
    "--key",
    "key_file",
    required=True,
    metavar="FILE",
    help="The private key's file, as `cape keys generate` wrote it; - is stdin.",
)


def _registers(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> dict[str, list[str]] | None:
    """Return the alternatives for each register, as the library takes them; None for none."""
    alternatives: dict[str, list[str]] = {}
    for value in values:
        index, colon, measurement = value.partition(":")
        if not (colon and _REGISTER.fullmatch(index) and _MEASUREMENT.fullmatch(measurement)):
            raise UsageError(
                f"--pcr is no register with its measurement: {value!r}",
                hint="an index of 0 to 31, a colon, and 96 hexadecimal digits, as `cape attest` "
                "shows them of an enclave",
            )
        alternatives.setdefault(index, []).append(measurement)
    return alternatives or None


def profile_name(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Refuse what no profile can be called."""
    from pycape._profile import check_profile_name  # noqa: PLC0415 - `cape --help` does without
    from pycape.errors import ConfigError  # noqa: PLC0415

    try:
        return None if value is None else check_profile_name(value)
    except ConfigError as error:
        raise UsageError(f"{parameter.opts[0]}: {error}", hint=error.hint) from error


pcr_option = click.option(
    "--pcr",
    "pcrs",
    multiple=True,
    callback=_registers,
    metavar="INDEX:HEX",
    help="Accept this measurement instead of the policy's; may be given again.",
)


def yes_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--yes` to a command that may ask; `--force` is an old spelling of it."""

    def keep(context: click.Context, _: click.Parameter, value: bool) -> None:
        if value:
            context.ensure_object(Context).yes = True

    add = partial(click.option, is_flag=True, expose_value=False, callback=keep)
    function = add("--force", hidden=True, help="The same as --yes.")(function)
    return add("--yes", help="Do not ask before something is lost.")(function)


def _shared(spellings: list[str], **settings: Any) -> click.Parameter:
    def keep(context: click.Context, option: click.Parameter, value: Any) -> None:
        if value and option.name is not None:
            setattr(context.ensure_object(Context), option.name, value)

    return click.Option(spellings, expose_value=False, callback=keep, **settings)


def _format_option() -> click.Parameter:
    return click.Option(
        ["-o", "--output"],
        type=click.Choice(_FORMATS),
        help="json: the data alone.",
        expose_value=False,
        callback=lambda context, _, value: _choose_format(context, value),
    )


def _choose_format(context: click.Context, value: str | None) -> None:
    if value == "json":
        context.ensure_object(Context).bare = True
